# DBD::Pg as it comes: placeholders make it prepare on the server.
# "perl dbd_pg_day.pl day" and "... crowd", see support/day.py.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:pg_types);

binmode STDOUT, ':encoding(UTF-8)';
$| = 1;
my (@scenarios, @opened);
sub scenario { push @scenarios, [@_]; return }

sub text {
	my ($value) = @_;
	return !defined $value ? 'undef' : ref $value ne 'ARRAY' ? $value
		: '[' . join(', ', map { text($_) } @$value) . ']';
}

sub say_all {
	print join(' ', map { text($_) } @_), "\n";
	return;
}

sub connect_to {
	my (%more) = @_;
	my $options = delete $more{options};
	my $db = DBI->connect('dbi:Pg:' . ($options ? "options=$options" : ''),
		undef, undef,
		{ RaiseError => 1, PrintError => 0, PrintWarn => 0, %more });
	push @opened, $db;
	return $db;
}

sub ask { my ($db, @query) = @_; return $db->selectall_arrayref(@query) }

sub refused {
	my ($db, $sql, @values) = @_;
	my $done = eval { $db->do($sql, undef, @values); 1 };
	say_all($sql, $done ? 'accepted' : 'refused ' . $db->state);
	return;
}

my $moment = "select (timestamptz '2020-02-01 00:00Z')::text, name from item";

scenario('parameters of many types', sub {
	my $db = connect_to();
	for my $case ([int => 1], [bigint => '1099511627776'], [float8 => 1.5],
		[text => "it's \x{e9}"], [text => undef], [bool => 1],
		[numeric => '10.50'], ['int[]' => [1, 2, 3]]) {
		my ($type, $value) = @$case;
		say_all($type, ask($db, "select ?::$type", undef, $value));
	}
	my $query = $db->prepare('select length(?::bytea), ?::text');
	$query->bind_param(1, "\0\xff", { pg_type => PG_BYTEA });
	$query->bind_param(2, 'x');
	$query->execute;
	say_all($query->fetchall_arrayref);
	say_all($db->selectrow_hashref('select $1::int as one', undef, 7)->{one});
});

scenario('prepared by itself', sub {
	my $db = connect_to();
	my $double = $db->prepare('select ?::int * 2');
	my $item = $db->prepare('select name from tenant_1.item where id = ?');
	for my $i (0 .. 11) {
		$double->execute($i);
		$item->execute($i % 10);
		say_all($double->fetchall_arrayref, $item->fetchall_arrayref);
	}
	my $total = 0;
	my @many = map { $db->prepare("select ?::int + $_") } 0 .. 99;
	for my $turn (0 .. 2) {
		for my $query (@many) {
			$query->execute($turn);
			$total += ($query->fetchrow_array)[0];
			$query->finish;
		}
	}
	say_all($total, scalar @{ $double->{NAME} }, $double->{ParamTypes} ? 1 : 0);
});

scenario('transactions', sub {
	my $db = connect_to(AutoCommit => 0);
	$db->do('create table tx (id int primary key, name text)');
	$db->commit;
	my $insert = $db->prepare('insert into tx values (?, ?)');
	for my $i (0 .. 7) {
		$insert->execute($i, "name $i");
		$i % 3 == 2 ? $db->rollback : $db->commit;
	}
	$db->pg_savepoint('a');
	$insert->execute(100, 'lost');
	$db->pg_rollback_to('a');
	$db->do("update tx set name = 'kept' where id = 0");
	$db->commit;
	say_all(ask($db, 'select id, name from tx order by id'));
	$db->rollback;
	$db->do('set transaction isolation level serializable read only');
	refused($db, 'insert into tx values (101)');
	$db->rollback;
});

scenario('errors in the midst of a transaction', sub {
	my $db = connect_to();
	$db->do('create table er (id int primary key)');
	my $insert = $db->prepare('insert into er values (?)');
	for my $turn (0 .. 4) {
		$db->begin_work;
		$insert->execute($turn);
		eval { $insert->execute($turn); 1 } or say_all($db->state);
		refused($db, 'select ?::int', $turn);
		$db->rollback;
		say_all(ask($db, 'select count(*) from er'), $db->ping);
	}
	refused($db, 'selec 1');
	refused($db, 'select * from nowhere where id = ?', 1);
	refused($db, 'select ?::int', 'no number');
	$insert->execute(1);
	say_all(ask($db, 'select id from er'));
});

scenario('settings', sub {
	my $db = connect_to(options => "'-c search_path=tenant_2 -c "
		. "statement_timeout=30s'");
	say_all(ask($db, $moment));
	my @zones = ('Europe/Berlin', 'America/Lima', 'UTC');
	my $query = $db->prepare("$moment where id = ?");
	for my $i (0 .. 8) {
		$db->do("set TimeZone to '$zones[$i % 3]'");
		$db->do('set search_path to tenant_' . $i % 4);
		$query->execute($i);
		say_all($query->fetchall_arrayref);
	}
	$db->begin_work;
	$db->do("set local TimeZone to 'Asia/Kolkata'");
	$db->do("select set_config('search_path', ?, true)", undef, 'tenant_3');
	say_all(ask($db, $moment));
	$db->commit;
	say_all(ask($db, $moment));
	$db->do('select set_config(?, ?, false)', undef, 'my.tenant', 'x');
	say_all(ask($db, "select current_setting('my.tenant')"));
	refused($db, "set TimeZone to 'No/Where'");
	$db->begin_work;
	$db->do("set TimeZone to 'Asia/Kolkata'");
	$db->rollback;
	say_all(ask($db, 'show TimeZone'));
});

scenario('reset to what the connection began with', sub {
	my $db = connect_to(
		options => "'-c search_path=tenant_2 -c TimeZone=Asia/Kolkata'");
	for my $command ('reset search_path', 'set search_path to default',
		'reset all', 'discard all') {
		$db->do('set search_path to tenant_1');
		$db->do($command);
		say_all(ask($db, 'show search_path'), ask($db, 'show TimeZone'));
	}
});

scenario('roles', sub {
	my $db = connect_to();
	my $who = $db->prepare('select current_user, session_user, ?::int');
	my $look = sub { $who->execute(1); say_all($who->fetchall_arrayref) };
	$db->do('set role alice');
	$look->() for 1 .. 3;
	refused($db, 'set role nosuch');
	$db->do('reset role');
	$look->();
	$db->begin_work;
	$db->do('set local role alice');
	$look->();
	$db->commit;
	$look->();
});

scenario('copy', sub {
	my $db = connect_to();
	$db->do('create table cp (id int, name text)');
	$db->do('copy cp from stdin');
	$db->pg_putcopydata("$_\tname $_\n") for 0 .. 2999;
	$db->pg_putcopyend;
	$db->do('copy (select * from cp where id < 3 order by id) to stdout');
	my $line = '';
	while ($db->pg_getcopydata($line) >= 0) {
		chomp $line;
		say_all($line);
	}
	$db->do('copy cp from stdin');
	$db->pg_putcopydata("no number\tx\n");
	eval { $db->pg_putcopyend; 1 } or say_all($db->state);
	say_all(ask($db, 'select count(*) from cp'));
});

scenario('server-side cursors', sub {
	my $db = connect_to(AutoCommit => 0);
	for (1 .. 3) {
		my $total = 0;
		$db->do('declare walker cursor for select generate_series(1, 500)');
		while (1) {
			my $rows = ask($db, 'fetch 70 from walker');
			last unless @$rows;
			$total += $_->[0] for @$rows;
		}
		say_all($total);
		$db->commit;
	}
});

scenario('statements prepared by hand', sub {
	my $db = connect_to();
	$db->do('prepare by_hand (int) as select $1 * 3');
	say_all(ask($db, "execute by_hand ($_)")) for 1 .. 4;
	$db->do('deallocate by_hand');
	refused($db, 'execute by_hand (1)');
	my $query = $db->prepare('select ?::int + 10');
	$query->execute($_) for 1 .. 3;
	$db->do('deallocate all');
	eval { $query->execute(4); 1 } or say_all($db->state);
	say_all(ask($db, 'select ?::int + 10', undef, 5));
});

scenario('notifications', sub {
	my $db = connect_to();
	$db->do('listen news');
	$db->do("select pg_notify('news', ?)", undef, 'hello');
	my $note = $db->pg_notifies;
	say_all($note->[0], $note->[2]);
});

scenario('one connection after another', sub {
	for my $i (0 .. 5) {
		my $db = connect_to();
		say_all(ask($db, 'show search_path'), ask($db, 'show TimeZone'));
		$db->do('set search_path to tenant_' . $i % 4);
		$db->do('set role alice');
		my $query = $db->prepare('select name from item where id = ?');
		for (1 .. 4) {
			$query->execute($i);
			say_all($query->fetchall_arrayref);
		}
		$db->begin_work if $i % 2;
		undef $query;
		$db->disconnect;
	}
});

sub crowd {
	my (@all, @queries);
	for my $i (0 .. $ENV{CROWD} - 1) {
		my $db = connect_to();
		$db->do('set search_path to tenant_' . $i % 4);
		$db->do("set TimeZone to 'Etc/GMT+$i'");
		$db->do('set role ' . ($i % 2 ? 'alice' : 'app'));
		push @all, $db;
		push @queries, $db->prepare("select name, $i, ?::int,"
			. " current_setting('TimeZone'), current_user from item"
			. ' where id = ?');
	}
	for my $turn (0 .. 7) {
		for my $i (0 .. $#all) {
			$queries[$i]->execute($turn, $i);
			say_all($i, $queries[$i]->fetchall_arrayref);
		}
	}
	for my $i (0 .. $#all) {
		$all[$i]->begin_work;
		$all[$i]->do('update item set name = name || ? where id = 9', undef,
			$i);
		$all[$i]->commit;
	}
	say_all(ask($_, 'select name from item where id = 9')) for @all;
	return;
}

@scenarios = (['crowd', \&crowd]) if $ARGV[0] eq 'crowd';
for my $entry (@scenarios) {
	my ($name, $work) = @$entry;
	print "== $name\n";
	eval { $work->(); 1 } or print "EXCEPTION $@\n";
	# After a failure, too: the next one needs the room.
	$_->disconnect for splice @opened;
}
