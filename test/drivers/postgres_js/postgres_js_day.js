// postgres.js as it comes: it prepares every statement with parameters under a
// name of its own and sends what it can in one pipeline.
// "node postgres_js_day.js day" and "... crowd", see support/day.py.
'use strict';
const postgres = require('postgres');

const scenarios = [];
const scenario = (name, work) => scenarios.push([name, work]);
const say = (...words) => console.log(...words.map(
  (word) => (typeof word === 'string' ? word : JSON.stringify(word))));

// One connection: what belongs to a session is seen by the next query.
const opened = [];
const connect = (more) => {
  const sql = postgres({ max: 1, onnotice: () => {}, ...more });
  opened.push(sql);
  return sql;
};

async function refused(what, work) {
  try {
    say(what, 'accepted', await work());
  } catch (problem) {
    if (!problem.code) throw problem;
    say(what, 'refused', problem.code);
  }
}

const moment = (sql) => sql`select (timestamptz '2020-02-01 00:00Z')::text,
  name from item where id = ${3}`;

scenario('parameters of many types', async () => {
  const sql = connect();
  for (const value of [1, 2, 3]) say(await sql`select ${value}::int as v`);
  say(await sql`select ${1.5}::float8 as a, ${"it's é"} as b, ${null}::text as c,
    ${true}::bool as d, ${[1, 2]}::int[] as e, ${'1099511627776'}::bigint as f`);
  say(await sql`select ${sql.json({ a: [1] })}::jsonb as j,
    ${Buffer.from([0, 255])}::bytea as b`);
  say(await sql`select * from ${sql('tenant_1.item')} where id in
    ${sql([1, 2])} order by id`);
});

scenario('prepared by itself', async () => {
  const sql = connect();
  for (let i = 0; i < 12; i++) {
    say(await sql`select ${i}::int * 2 as double`,
      await sql`select name from tenant_1.item where id = ${i % 10}`);
  }
  let total = 0;
  for (let turn = 0; turn < 2; turn++) {
    for (let i = 0; i < 120; i++) {
      const [row] = await sql.unsafe(`select $1::int + ${i} as v`, [turn],
        { prepare: true });
      total += row.v;
    }
  }
  say(total);
  const statement = await sql`select ${1}::int as a, ${'x'}::text as b`
    .describe();
  say(statement.types, statement.columns.map((column) => column.name));
});

scenario('prepared by hand', async () => {
  const sql = connect();
  await sql`prepare by_hand (int) as select $1 * 3 as v`.simple();
  for (let i = 0; i < 4; i++) say(await sql.unsafe(`execute by_hand (${i})`));
  await sql`deallocate by_hand`;
  await refused('gone', () => sql`execute by_hand (1)`);
});

scenario('transactions', async () => {
  const sql = connect();
  await sql`create table tx (id int primary key, name text)`;
  for (let i = 0; i < 8; i++) {
    await sql.begin(async (tx) => {
      await tx`insert into tx ${tx({ id: i, name: `name ${i}` })}`;
      if (i % 3 === 2) throw new Error('rolled back');
    }).catch((problem) => say(problem.message));
  }
  say(await sql`select id, name from tx order by id`);
  await sql.begin(async (tx) => {
    await tx`update tx set name = 'kept' where id = 0`;
    await tx.savepoint(async (inner) => {
      await inner`update tx set name = 'lost'`;
      await inner`select 1/${0}::int`;
    }).catch((problem) => say(problem.code));
    await tx`update tx set name = 'kept too' where id = 1`;
  });
  say(await sql`select id, name from tx order by id`);
  await sql.begin('read only isolation level repeatable read', async (tx) => {
    say(await tx`show transaction_isolation`);
  });
});

scenario('errors', async () => {
  const sql = connect();
  await sql`create table er (id int primary key)`;
  for (let turn = 0; turn < 4; turn++) {
    await refused('twice', () => sql.begin(async (tx) => {
      await tx`insert into er values (${turn})`;
      await tx`insert into er values (${turn})`;
    }));
    say(await sql`select count(*)::int as n from er`);
  }
  await refused('syntax', () => sql`selec 1`);
  await refused('nowhere', () => sql`select * from nowhere where i = ${1}`);
  await refused('zero', () => sql`select 1 / ${0}::int`);
  say(await sql`select ${'alive'} as word`);
});

scenario('settings', async () => {
  const sql = connect({ connection: { search_path: 'tenant_2',
    application_name: 'the day', statement_timeout: 30000 } });
  say(await moment(sql), await sql`show application_name`);
  const zones = ['Europe/Berlin', 'America/Lima', 'UTC'];
  for (let i = 0; i < 9; i++) {
    await sql.unsafe(`set TimeZone to '${zones[i % 3]}'`);
    await sql.unsafe(`set search_path to tenant_${i % 4}`);
    say(await moment(sql), sql.parameters.TimeZone);
  }
  await sql.begin(async (tx) => {
    await tx`set local TimeZone to 'Asia/Kolkata'`;
    await tx`select set_config('search_path', ${'tenant_3'}, true)`;
    say(await moment(tx));
  });
  say(await moment(sql));
  await sql`select set_config(${'my.tenant'}, ${'x'}, false)`;
  say(await sql`select current_setting('my.tenant') as tenant`);
  await refused('zone', () => sql`set TimeZone to 'No/Where'`);
});

scenario('reset to what the connection began with', async () => {
  const sql = connect({ connection: { search_path: 'tenant_2',
    TimeZone: 'Asia/Kolkata' } });
  for (const command of ['reset search_path', 'set search_path to default',
    'reset all']) {
    await sql.unsafe('set search_path to tenant_1');
    await sql.unsafe(command);
    say(await sql`show search_path`, await sql`show TimeZone`);
  }
});

scenario('roles', async () => {
  const sql = connect();
  const who = () => sql`select current_user::text, session_user::text`;
  await sql`set role alice`;
  say(await who(), await who());
  await refused('role', () => sql`set role nosuch`);
  await sql`reset role`;
  say(await who());
});

scenario('copy', async () => {
  const sql = connect();
  await sql`create table cp (id int, name text)`;
  const into = await sql`copy cp from stdin`.writable();
  await new Promise((resolve, reject) => {
    into.on('finish', resolve).on('error', reject);
    for (let i = 0; i < 3000; i++) into.write(`${i}\tname ${i}\n`);
    into.end();
  });
  const out = await sql`copy (select * from cp where id < 3 order by id)
    to stdout`.readable();
  let text = '';
  for await (const part of out) text += part;
  say(text.split('\n'));
  say(await sql`select count(*)::int as n from cp`);
});

scenario('server-side cursors', async () => {
  const sql = connect();
  let total = 0;
  for await (const rows of sql`select i from generate_series(1, ${500}::int) i`
    .cursor(70)) {
    for (const row of rows) total += row.i;
  }
  say(total);
  await sql`select i from generate_series(1, 500) i`.cursor(100, (rows) => {
    say(rows.length);
    return rows[0].i > 150 ? sql.CLOSE : undefined;
  });
  say(await sql`select ${'after'} as word`);
});

scenario('pipeline', async () => {
  const sql = connect();
  const answers = await Promise.all([...Array(100).keys()].map((i) => (
    i === 50 ? sql`select 1 / ${0}::int as v`.catch((p) => [{ v: p.code }])
      : sql`select ${i}::int as v`)));
  say(answers.map((rows) => rows[0].v));
  say((await sql`create table sv (id int); insert into sv values (1);
    select * from sv`.simple()).map((rows) => rows.command));
});

scenario('a migration below a prepared statement', async () => {
  const sql = connect();
  await sql`create table mg (id int)`;
  await sql`insert into mg values (1)`;
  for (let i = 0; i < 2; i++) {
    say(await sql`select * from mg where id = ${1}`);
    await sql.unsafe(`alter table mg add column c${i} text default 'd'`);
  }
  say(await sql`select * from mg where id = ${1}`);
});

async function crowd() {
  const count = Number(process.env.CROWD);
  const all = [...Array(count).keys()].map((i) => connect({
    connection: { search_path: `tenant_${i % 4}`,
      TimeZone: `Etc/GMT+${i}` } }));
  await Promise.all(all.map(async (sql, i) => {
    await sql.unsafe(`set role ${i % 2 ? 'alice' : 'app'}`);
  }));
  const seen = await Promise.all(all.map(async (sql, i) => {
    const rows = [];
    for (let turn = 0; turn < 20; turn++) {
      rows.push(await sql`select name, ${turn}::int as turn, current_setting(
        'TimeZone') as zone, current_user::text from item where id = ${i}`);
      rows.push(await sql.unsafe(`select ${i} + $1::int as v`, [turn],
        { prepare: true }));
      await sql.begin(async (tx) => {
        await tx`update item set name = name || ${`${turn}`} where id = ${i}`;
        rows.push(await tx`select name from item where id = ${i}`);
      });
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
    await Promise.allSettled(opened.splice(0).map(
      (sql) => sql.end({ timeout: 5 })));
  }
  process.exit(0);
})();
