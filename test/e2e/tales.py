"""tales.py - every tale that once went another way through pgweir, shortened;
told again in every run. The name says what was wrong."""
from interleave import Tale

TALES = {
    "two sets of settings on one server": Tale({"a": {}, "b": {}}, [
        ("a", "query('set datestyle = \\'German\\'')"),
        ("b", "query('select date \\'2020-02-03\\'')"),
        ("a", "query('select date \\'2020-02-03\\'')"),
    ]),
    "reset all forgets what the client came with": Tale(
        {"a": {"options": "-c my.tenant=a"}}, [("a", "query('reset all')")]),
    "discard all forgets what the client came with": Tale(
        {"a": {"options": "-c my.tenant=a"}},
        [("a", "parse('discard all') + bind() + execute() + sync()")]),
    "default is the server's encoding": Tale(
        {"a": {"client_encoding": "LATIN1"}},
        [("a", "query('set client_encoding to default')")]),
    "an unnamed statement bound is an unnamed statement lost": Tale(
        {"a": {}}, [
            ("a", "parse('commit and chain') + bind() + sync()"),
            ("a", "describe('S') + sync()")]),
    "a parameter that is null resets": Tale(
        {"a": {"options": "-c work_mem=6MB"}}, [
            ("a", "parse('select set_config(\\'work_mem\\', $1, false)', 's')"
                  " + bind([None], 's') + execute() + sync()"),
            ("a", "query('show work_mem')")]),
    "a parameter that is null resets for a transaction": Tale(
        {"a": {"options": "-c work_mem=6MB"}}, [
            ("a", "parse('select set_config(\\'work_mem\\', $1, true)', 's')"
                  " + bind([None], 's') + execute() + sync()"),
            ("a", "query('show work_mem')")]),
    "a setting that changes literals waits for one before it": Tale(
        {"a": {"options": "-c my.tenant=a"}}, [
            ("a", "parse('select \\'x\\'', 't') + sync()"),
            ("a", "parse('begin') + bind() + execute() + sync()"
                  " + parse('set work_mem = \\'7MB\\'') + bind() + execute()"
                  " + parse('set datestyle = \\'SQL\\'') + bind() + execute()"
                  " + sync()")]),
    "a statement under its own name is for its client alone": Tale(
        {"a": {}, "b": {}}, [
            ("a", "parse('deallocate t', 't') + parse('select 2', 's') + sync()"),
            ("a", "parse('select 1') + bind() + execute() + sync()"
                  " + bind([], 't') + execute() + sync()"),
            ("b", "bind([], 's') + execute() + sync()"),
            ("b", "query('set work_mem = \\'7MB\\'')"),
            ("b", "bind([], 's') + execute() + sync()")]),
    "an unnamed statement that was not parsed leaves the older one": Tale(
        {"a": {}, "b": {}}, [
            ("a", "parse('set work_mem = \\'7MB\\'') + sync()"),
            ("a", "bind([], 's') + parse('select 1') + sync()"
                  " + bind() + execute() + sync()"),
            ("b", "query('show work_mem')"),
            ("a", "query('show work_mem')")]),
    "an unnamed statement before an error, with another behind it": Tale(
        {"a": {}, "d": {}}, [
            ("a", "parse('savepoint b') + execute() + parse('show timezone')"
                  " + bind() + sync()"),
            ("d", "query('insert into tw values (103)')"),
            ("a", "describe('S') + sync()")]),
    "an error names the statement that was bound": Tale(
        {"c": {}}, [
            ("c", "parse('show work_mem', 's') + parse('show work_mem', 't')"
                  " + bind(['x'], 't') + sync()")]),
    "a prepared DISCARD ALL forgets what the client came with": Tale(
        {"c": {"timezone": "Asia/Tokyo"}},
        [("c", "parse('discard all', 't') + bind([], 't') + execute()"
               " + sync()")]),
    "a DISCARD ALL is undone by what fails behind it": Tale(
        {"c": {"options": "-c my.tenant=c"}},
        [("c", "parse('discard all', 't') + bind([], 't') + execute()"
               " + execute() + sync()")]),
    "a prepared DEALLOCATE in a transaction": Tale(
        {"a": {}}, [
            ("a", "parse('begin isolation level repeatable read') + bind()"
                  " + execute() + sync()"),
            ("a", "parse('deallocate s', 'pgweir_1') + bind([], 'pgweir_1')"
                  " + describe() + sync()")]),
    "a DEALLOCATE prepared and bound at once is the next client's, too": Tale(
        {"a": {}, "d": {}}, [
            ("d", "parse('deallocate s', 't') + bind(['x'], 't') + sync()"),
            ("a", "bind([], 't') + execute() + sync()")]),
    "discard all forgets a role": Tale(
        {"b": {"options": "-c role=bob"}}, [
            ("b", "query('discard all')"),
            ("b", "query('select current_user')")]),
    "discard all of the protocol forgets a role": Tale(
        {"b": {"options": "-c role=bob"}}, [
            ("b", "parse('discard all') + bind() + execute() + sync()"),
            ("b", "query('select current_user')")]),
    "in a failed transaction a Bind fails as the Parse it needed": Tale(
        {"c": {}}, [
            ("c", "parse('select current_user', 't') + sync()"),
            ("c", "query('begin isolation level repeatable read')"),
            ("c", "bind([], 'pgweir_1') + sync()"),
            ("c", "bind(['x'], 't') + sync()")]),
    "a statement that cannot be parsed any more is no error of others": Tale(
        {"a": {}}, [
            ("a", "parse(\"select set_config('work_mem', $1, false)\", 's')"
                  " + parse('insert into tw values (100)', 't') + sync()"),
            ("a", "query('set search_path = tw_y, tw_x')"),
            ("a", "parse('set datestyle to default') + sync()")]),
    "a parameter that DISCARD ALL resets is reported before an error": Tale(
        {"c": {}}, [
            ("c", "query('set datestyle = \\'ISO, DMY\\'')"),
            ("c", "parse('discard all') + bind() + execute() + execute()"
                  " + sync()")]),
}

# What is known to go wrong still; what is documented is in interleave.py.
NOT_YET = {}
