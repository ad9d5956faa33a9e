// node-postgres as it comes; named queries are prepared once per connection.
// "node node_pg_day.js day" and "... crowd", see support/day.py.
'use strict';
const { Client, Pool, types } = require('pg');

const scenarios = [];
const scenario = (name, work) => scenarios.push([name, work]);
const say = (...words) => console.log(...words.map(
  (word) => (typeof word === 'string' ? word : JSON.stringify(word))));

types.setTypeParser(1184, (text) => text); // timestamptz as it was sent

const opened = [];

async function connect(config) {
  const client = new Client(config);
  await client.connect();
  opened.push(client);
  return client;
}

async function ask(client, text, values, name) {
  const result = await client.query({ text, values, name, rowMode: 'array' });
  return result.rows;
}

async function refused(client, text, values) {
  try {
    say(text, 'accepted', await ask(client, text, values));
  } catch (problem) {
    if (!problem.code) throw problem;
    say(text, 'refused', problem.code);
  }
}

const MOMENT = "select timestamptz '2020-02-01 00:00Z', name from item";

scenario('parameters of many types', async () => {
  const client = await connect();
  for (const [type, value] of [['int', 1], ['bigint', '1099511627776'],
    ['float8', 1.5], ['text', "it's é"], ['text', null], ['bool', true],
    ['int[]', [1, 2, 3]], ['json', { a: [1] }],
    ['bytea', Buffer.from([0, 255])], ['numeric', '10.50']]) {
    say(type, await ask(client, `select $1::${type}`, [value]));
  }
  const result = await client.query('select 1 as one, $1::text as two', ['x']);
  say(result.rows, result.rowCount, result.command,
    result.fields.map((field) => field.name));
});

scenario('named statements', async () => {
  const client = await connect();
  for (let i = 0; i < 12; i++) {
    say(await ask(client, 'select $1::int * 2', [i], 'sum'),
      await ask(client, 'select name from tenant_1.item where id = $1',
        [i % 10], 'by-id'));
  }
  try {
    await ask(client, 'select 1', [], 'sum');
  } catch (problem) {
    say(problem.message.replace(/'.*/, ''));
  }
  for (let i = 0; i < 120; i++) {
    await ask(client, `select $1::int + ${i}`, [i], `many-${i}`);
  }
  say(await ask(client, 'select $1::int + 7', [1], 'many-7'));
});

scenario('transactions', async () => {
  const client = await connect();
  await client.query('create table tx (id int primary key, name text)');
  for (let i = 0; i < 8; i++) {
    await client.query('begin');
    await ask(client, 'insert into tx values ($1, $2)', [i, `name ${i}`],
      'moment');
    await client.query(i % 3 === 2 ? 'rollback' : 'commit');
  }
  say(await ask(client, 'select id, name from tx order by id'));
  await client.query('begin isolation level serializable read only');
  say(await ask(client, 'show transaction_isolation'));
  await refused(client, 'insert into tx values ($1)', [100]);
  await client.query('rollback');
});

scenario('errors in the midst of a transaction', async () => {
  const client = await connect();
  await client.query('create table er (id int primary key)');
  for (let turn = 0; turn < 4; turn++) {
    await client.query('begin');
    await ask(client, 'insert into er values ($1)', [turn], 'sum');
    await refused(client, 'insert into er values ($1)', [turn]);
    await refused(client, 'select $1::int', [turn]);
    await client.query('rollback');
    say(await ask(client, 'select count(*) from er', [], 'by-id'));
  }
  await refused(client, 'selec 1');
  await refused(client, 'select * from nowhere where id = $1', [1]);
  await refused(client, 'select $1::int', ['no number']);
  await client.query('begin');
  await ask(client, 'insert into er values ($1)', [1], 'sum');
  await client.query('savepoint a');
  await refused(client, 'insert into er values ($1)', [1]);
  await client.query('rollback to savepoint a');
  await ask(client, 'insert into er values ($1)', [2], 'sum');
  await client.query('commit');
  say(await ask(client, 'select id from er order by id'));
});

scenario('a named statement refused and tried again', async () => {
  const client = await connect();
  for (let turn = 0; turn < 3; turn++) {
    try {
      await ask(client, 'select * from later where id = $1', [1], 'by-id');
    } catch (problem) {
      say(problem.code);
    }
  }
  await client.query('create table later (id int)');
  await client.query('insert into later values (1)');
  say(await ask(client, 'select * from later where id = $1', [1], 'by-id'));
});

scenario('settings', async () => {
  const client = await connect({ application_name: 'the day',
    statement_timeout: 30000,
    options: '-c search_path=tenant_2' });
  say(await ask(client, MOMENT), await ask(client, 'show application_name'),
    await ask(client, 'show statement_timeout'));
  const zones = ['Europe/Berlin', 'America/Lima', 'UTC'];
  for (let i = 0; i < 9; i++) {
    await client.query(`set TimeZone to '${zones[i % 3]}'`);
    await client.query(`set search_path to tenant_${i % 4}`);
    say(await ask(client, `${MOMENT} where id = $1`, [i], `in-${i % 4}`));
  }
  await client.query('begin');
  await client.query("set local TimeZone to 'Asia/Kolkata'");
  await ask(client, "select set_config('search_path', $1, true)",
    ['tenant_3']);
  say(await ask(client, MOMENT));
  await client.query('commit');
  say(await ask(client, MOMENT));
  await ask(client, 'select set_config($1, $2, false)', ['my.tenant', 'x']);
  say(await ask(client, "select current_setting('my.tenant')"));
  await refused(client, "set TimeZone to 'No/Where'");
  await client.query("begin; set TimeZone to 'Asia/Tokyo'; rollback");
  say(await ask(client, 'show TimeZone'));
});

scenario('reset to what the connection began with', async () => {
  const client = await connect({
    options: '-c search_path=tenant_2 -c TimeZone=Asia/Kolkata' });
  for (const command of ['reset search_path', 'set search_path to default',
    'reset all', 'discard all']) {
    await client.query('set search_path to tenant_1');
    await client.query(command);
    say(await ask(client, 'show search_path'),
      await ask(client, 'show TimeZone'));
  }
});

scenario('roles', async () => {
  const client = await connect();
  const who = 'select current_user::text, session_user::text';
  await client.query('set role alice');
  for (let i = 0; i < 3; i++) say(await ask(client, who, [], 'moment'));
  await refused(client, 'set role nosuch');
  await client.query('reset role');
  say(await ask(client, who, [], 'moment'));
  await client.query('begin; set local role alice');
  say(await ask(client, who, [], 'moment'));
  await client.query('commit');
  say(await ask(client, who, [], 'moment'));
});

scenario('several statements at once', async () => {
  const client = await connect();
  const results = await client.query('create table sv (id int);'
    + ' insert into sv values (1), (2); select * from sv');
  say(results.map((result) => [result.command, result.rowCount]));
  await refused(client, 'insert into sv values (3); select 1/0');
  say(await ask(client, 'select count(*) from sv'));
  // The driver queues these and sends one after the other.
  const answers = await Promise.all([...Array(50).keys()].map((i) =>
    ask(client, 'select $1::int', [i], 'sum')));
  say(answers.flat(2).reduce((a, b) => a + b));
});

scenario("pool of the driver", async () => {
  const pool = new Pool({ max: 1 });
  for (let i = 0; i < 6; i++) {
    const client = await pool.connect();
    say(await ask(client, 'show search_path'));
    await client.query(`set search_path to tenant_${i % 4}`);
    say(await ask(client, 'select name from item where id = $1', [i]));
    client.release();
  }
  say((await pool.query('select $1::text as word', ['last'])).rows);
  await pool.end();
});

scenario('deallocate and discard', async () => {
  const client = await connect();
  for (const command of ['deallocate all', 'discard all']) {
    say(await ask(client, 'select $1::int + 10', [1], `for ${command}`));
    await client.query(command);
    try {
      await ask(client, 'select $1::int + 10', [1], `for ${command}`);
    } catch (problem) {
      say(problem.code);
    }
    say(await ask(client, 'select $1::int + 10', [2], `after ${command}`));
  }
});

scenario('notifications and notices', async () => {
  const client = await connect();
  const heard = new Promise((resolve) => {
    client.on('notification', (note) => resolve(note.payload));
  });
  const notices = [];
  client.on('notice', (notice) => notices.push(notice.message));
  await client.query('listen news');
  await client.query("select pg_notify('news', $1)", ['hello']);
  say(await heard);
  await client.query("do $$ begin raise notice 'one'; end $$");
  say(notices);
});

async function crowd() {
  const count = Number(process.env.CROWD);
  const clients = [];
  for (let i = 0; i < count; i++) {
    const client = await connect({ options: `-c search_path=tenant_${i % 4}` });
    await client.query(`set TimeZone to 'Etc/GMT+${i}'`);
    await client.query(`set role ${i % 2 ? 'alice' : 'app'}`);
    clients.push(client);
  }
  const seen = await Promise.all(clients.map(async (client, i) => {
    const rows = [];
    for (let turn = 0; turn < 20; turn++) {
      rows.push(await ask(client, "select name, $2::int, current_setting("
        + "'TimeZone'), current_user::text from item where id = $1",
      [i, turn], 'by-id'));
      rows.push(await ask(client, `select ${i} + $1::int`, [turn], 'sum'));
      await client.query('begin');
      await ask(client, `update item set name = name || $1 where id = ${i}`,
        [`${turn}`], 'moment');
      rows.push(await ask(client, `select name from item where id = ${i}`));
      await client.query('commit');
    }
    return rows;
  }));
  seen.forEach((rows) => say(rows));
}

(async () => {
  const parts = process.argv[2] === 'crowd' ? [['crowd', crowd]] : scenarios;
  for (const [name, work] of parts) {
    say('==', name);
    try {
      await work();
    } catch (problem) {
      say('EXCEPTION', problem.message);
      console.error(problem);
    }
    // After a failure, too: the next one needs the room.
    await Promise.allSettled(opened.splice(0).map((client) => client.end()));
  }
  process.exit(0);
})();
