select 'a' -- c
'b', e'\'' , $x$ a $x$