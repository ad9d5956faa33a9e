<?php
// PDO as it comes: prepare() prepares on the server, under a name.
// "php pdo_day.php day" and "... crowd", see support/day.py.
declare(strict_types=1);

$scenarios = [];

function scenario(string $name, callable $work): void
{
    global $scenarios;
    $scenarios[$name] = $work;
}

function say(mixed ...$words): void
{
    echo implode(' ', array_map(fn ($word) => is_string($word)
        ? $word : json_encode($word, JSON_UNESCAPED_UNICODE), $words)), "\n";
}

function connect(string $options = ''): PDO
{
    $words = sprintf('pgsql:host=%s;port=%s;dbname=%s;sslmode=disable',
        getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE'));
    if ($options !== '') {
        $words .= ";options='$options'";
    }
    return new PDO($words, getenv('PGUSER'), getenv('PGPASSWORD'));
}

function ask(PDO $db, string $sql, array $values = []): array
{
    $statement = $db->prepare($sql);
    $statement->execute($values);
    return $statement->fetchAll(PDO::FETCH_NUM);
}

function refused(PDO $db, string $sql, array $values = []): void
{
    try {
        say($sql, 'accepted', ask($db, $sql, $values));
    } catch (PDOException $problem) {
        say($sql, 'refused', $problem->getCode());
    }
}

const MOMENT = "select timestamptz '2020-02-01 00:00Z', name from item";

scenario('parameters of many types', function () {
    $db = connect();
    foreach ([['int', 1], ['bigint', '1099511627776'], ['float8', 1.5],
        ['text', "it's é"], ['text', null], ['bool', 'true'],
        ['numeric', '10.50'], ['int[]', '{1,2}']] as [$type, $value]) {
        say($type, ask($db, "select cast(? as $type)", [$value]));
    }
    $statement = $db->prepare('select cast(:a as int) + cast(:b as int) as sum');
    $statement->bindValue('a', 1, PDO::PARAM_INT);
    $statement->bindValue('b', 2, PDO::PARAM_INT);
    $statement->execute();
    say($statement->fetchAll(PDO::FETCH_ASSOC), $statement->rowCount());
    $binary = $db->prepare('select length(cast(? as bytea))');
    $binary->bindValue(1, "\0\xff", PDO::PARAM_LOB);
    $binary->execute();
    say($binary->fetchColumn());
    say($db->query('select 1, true, null')->fetchAll(PDO::FETCH_NUM));
});

scenario('prepared statements', function () {
    $db = connect();
    $double = $db->prepare('select cast(? as int) * 2');
    $item = $db->prepare('select name from tenant_1.item where id = :id');
    for ($i = 0; $i < 12; $i++) {
        $double->execute([$i]);
        $item->execute(['id' => $i % 10]);
        say($double->fetchColumn(), $item->fetchColumn());
    }
    $total = 0;
    for ($turn = 0; $turn < 2; $turn++) {
        $kept = [];
        for ($i = 0; $i < 100; $i++) {
            $kept[] = $db->prepare("select cast(? as int) + $i");
            $kept[$i]->execute([$turn]);
            $total += $kept[$i]->fetchColumn();
        }
    }
    say($total);
});

scenario('emulated and disabled prepares', function () {
    $db = connect();
    $db->setAttribute(PDO::ATTR_EMULATE_PREPARES, true);
    for ($i = 0; $i < 4; $i++) {
        say(ask($db, 'select ?, ?', [$i, "it's"]));
    }
    $db->setAttribute(PDO::ATTR_EMULATE_PREPARES, false);
    $db->setAttribute(PDO::PGSQL_ATTR_DISABLE_PREPARES, true);
    $statement = $db->prepare('select cast(? as int) * 3');
    for ($i = 0; $i < 4; $i++) {
        $statement->execute([$i]);
        say($statement->fetchColumn());
    }
});

scenario('transactions', function () {
    $db = connect();
    $db->exec('create table tx (id int primary key, name text)');
    $insert = $db->prepare('insert into tx values (?, ?)');
    for ($i = 0; $i < 8; $i++) {
        $db->beginTransaction();
        $insert->execute([$i, "name $i"]);
        $i % 3 === 2 ? $db->rollBack() : $db->commit();
    }
    $db->beginTransaction();
    $db->exec("update tx set name = 'kept' where id = 0");
    $db->exec('savepoint a');
    $db->exec("update tx set name = 'lost'");
    $db->exec('rollback to savepoint a');
    $db->commit();
    say(ask($db, 'select id, name from tx order by id'), $db->inTransaction());
});

scenario('errors in the midst of a transaction', function () {
    $db = connect();
    $db->exec('create table er (id int primary key)');
    $insert = $db->prepare('insert into er values (?)');
    for ($turn = 0; $turn < 5; $turn++) {
        $db->beginTransaction();
        $insert->execute([$turn]);
        try {
            $insert->execute([$turn]);
        } catch (PDOException $problem) {
            say($problem->getCode());
        }
        refused($db, 'select cast(? as int)', [$turn]);
        $db->rollBack();
        say(ask($db, 'select count(*) from er'));
    }
    refused($db, 'selec 1');
    refused($db, 'select * from nowhere where id = ?', [1]);
    refused($db, 'select cast(? as int)', ['no number']);
    $insert->execute([1]);
    say(ask($db, 'select id from er'));
});

scenario('settings', function () {
    $db = connect('-c search_path=tenant_2 -c statement_timeout=30s');
    say(ask($db, MOMENT));
    $zones = ['Europe/Berlin', 'America/Lima', 'UTC'];
    $statement = $db->prepare(MOMENT . ' where id = ?');
    for ($i = 0; $i < 9; $i++) {
        $db->exec("set TimeZone to '{$zones[$i % 3]}'");
        $db->exec('set search_path to tenant_' . $i % 4);
        $statement->execute([$i]);
        say($statement->fetchAll(PDO::FETCH_NUM));
    }
    $db->beginTransaction();
    $db->exec("set local TimeZone to 'Asia/Kolkata'");
    ask($db, "select set_config('search_path', ?, true)", ['tenant_3']);
    say(ask($db, MOMENT));
    $db->commit();
    say(ask($db, MOMENT));
    ask($db, 'select set_config(?, ?, false)', ['my.tenant', 'x']);
    say(ask($db, "select current_setting('my.tenant')"));
    refused($db, "set TimeZone to 'No/Where'");
    $db->exec("set names 'LATIN1'");
    say(ask($db, 'show client_encoding'));
    $db->beginTransaction();
    $db->exec("set TimeZone to 'Asia/Kolkata'");
    $db->rollBack();
    say(ask($db, 'show TimeZone'));
});

scenario('reset to what the connection began with', function () {
    $db = connect('-c search_path=tenant_2 -c TimeZone=Asia/Kolkata');
    foreach (['reset search_path', 'set search_path to default', 'reset all',
        'discard all'] as $command) {
        $db->exec('set search_path to tenant_1');
        $db->exec($command);
        say(ask($db, 'show search_path'), ask($db, 'show TimeZone'));
    }
});

scenario('roles', function () {
    $db = connect();
    $who = $db->prepare('select current_user, session_user, cast(? as int)');
    $look = function () use ($who) {
        $who->execute([1]);
        say($who->fetchAll(PDO::FETCH_NUM));
    };
    $db->exec('set role alice');
    $look();
    $look();
    refused($db, 'set role nosuch');
    $db->exec('reset role');
    $look();
    $db->beginTransaction();
    $db->exec('set local role alice');
    $look();
    $db->commit();
    $look();
});

scenario('copy', function () {
    $db = connect();
    $db->exec('create table cp (id int, name text)');
    $rows = array_map(fn ($i) => "$i\tname $i\n", range(0, 2999));
    say($db->pgsqlCopyFromArray('cp', $rows));
    say(array_slice($db->pgsqlCopyToArray('cp'), 0, 3));
    try {
        $db->pgsqlCopyFromArray('cp', ["no number\tx\n"]);
    } catch (PDOException $problem) {
        say($problem->getCode());
    }
    say(ask($db, 'select count(*) from cp'));
});

scenario('scrolling cursors', function () {
    $db = connect();
    $db->beginTransaction();
    $statement = $db->prepare('select i from generate_series(1, 500) i',
        [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
    $statement->execute();
    say($statement->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_ABS, 100),
        $statement->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_PRIOR),
        $statement->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_LAST));
    $db->commit();
});

scenario('large objects', function () {
    $db = connect();
    $db->beginTransaction();
    $oid = $db->pgsqlLOBCreate();
    $stream = $db->pgsqlLOBOpen($oid, 'w');
    fwrite($stream, str_repeat('0123456789', 500));
    fclose($stream);
    $stream = $db->pgsqlLOBOpen($oid, 'r');
    fseek($stream, 4990);
    say(stream_get_contents($stream));
    fclose($stream);
    $db->pgsqlLOBUnlink($oid);
    $db->commit();
});

scenario('deallocate and discard', function () {
    $db = connect();
    foreach (['deallocate all', 'discard all'] as $command) {
        $kept = $db->prepare('select cast(? as int) + 10');
        $kept->execute([1]);
        say($kept->fetchColumn());
        $db->exec($command);
        try {
            $kept->execute([2]);
            say($kept->fetchColumn());
        } catch (PDOException $problem) {
            say($problem->getCode());
        }
        say(ask($db, 'select cast(? as int) + 10', [3]));
        // The driver deallocates what is not there any more.
        try {
            unset($kept);
        } catch (PDOException $problem) {
            say($problem->getCode());
        }
    }
});

scenario('notifications', function () {
    $db = connect();
    $db->exec('listen news');
    $db->exec("notify news, 'hello'");
    $note = $db->pgsqlGetNotify(PDO::FETCH_ASSOC, 5000);
    say($note['message'], $note['payload']);
});

scenario('persistent connections', function () {
    for ($i = 0; $i < 4; $i++) {
        $db = new PDO(sprintf('pgsql:host=%s;port=%s;dbname=%s;sslmode=disable',
            getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE')),
            getenv('PGUSER'), getenv('PGPASSWORD'),
            [PDO::ATTR_PERSISTENT => true]);
        say(ask($db, 'show search_path'));
        $db->exec('set search_path to tenant_' . $i % 4);
        say(ask($db, 'select name from item where id = ?', [$i]));
        if ($i % 2) {
            $db->beginTransaction();
        }
        unset($db);
    }
});

function crowd(): void
{
    $all = $queries = [];
    for ($i = 0; $i < (int) getenv('CROWD'); $i++) {
        $db = connect();
        $db->exec('set search_path to tenant_' . $i % 4);
        $db->exec("set TimeZone to 'Etc/GMT+$i'");
        $db->exec('set role ' . ($i % 2 ? 'alice' : 'app'));
        $all[] = $db;
        $queries[] = $db->prepare("select name, $i, cast(? as int),"
            . " current_setting('TimeZone'), current_user from item"
            . ' where id = ?');
    }
    for ($turn = 0; $turn < 8; $turn++) {
        foreach ($queries as $i => $query) {
            $query->execute([$turn, $i]);
            say($i, $query->fetchAll(PDO::FETCH_NUM));
        }
    }
    foreach ($all as $i => $db) {
        $db->beginTransaction();
        ask($db, 'update item set name = name || ? where id = 9', [$i]);
        $db->commit();
    }
    foreach ($all as $db) {
        say(ask($db, 'select name from item where id = 9'));
    }
}

$parts = $argv[1] === 'crowd' ? ['crowd' => 'crowd'] : $scenarios;
foreach ($parts as $name => $work) {
    echo "== $name\n";
    try {
        $work();
    } catch (Throwable $problem) {
        say('EXCEPTION', $problem->getMessage());
        fwrite(STDERR, "$problem\n");
    }
    unset($problem);
}
