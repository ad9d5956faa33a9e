// lib/pq as it comes, behind database/sql: Query with arguments parses, binds
// and executes the unnamed statement in two round trips; Prepare names it.
// "lib_pq_day day" and "lib_pq_day crowd", see support/day.py.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

type entry struct {
	name string
	work func()
}

var scenarios []entry

func scenario(name string, work func()) {
	scenarios = append(scenarios, entry{name, work})
}

var say = fmt.Println

func must(err error) {
	if err != nil {
		panic(err)
	}
}

var ctx = context.Background()

// One pool as the application has it, and the one connection we use of it.
func connect(dsn string) (*sql.DB, *sql.Conn) {
	db, err := sql.Open("postgres", dsn)
	must(err)
	conn, err := db.Conn(ctx)
	must(err)
	return db, conn
}

type querier interface {
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
}

func texts(rows *sql.Rows) (string, error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var all []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		places := make([]interface{}, len(columns))
		for i := range cells {
			places[i] = &cells[i]
		}
		if err := rows.Scan(places...); err != nil {
			return "", err
		}
		words := make([]string, len(cells))
		for i, cell := range cells {
			words[i] = cell.String
			if !cell.Valid {
				words[i] = "null"
			}
		}
		all = append(all, "("+strings.Join(words, ", ")+")")
	}
	return strings.Join(all, " "), rows.Err()
}

func ask(on querier, query string, values ...interface{}) string {
	rows, err := on.QueryContext(ctx, query, values...)
	must(err)
	found, err := texts(rows)
	must(err)
	return found
}

func askStatement(on *sql.Stmt, values ...interface{}) string {
	rows, err := on.Query(values...)
	must(err)
	found, err := texts(rows)
	must(err)
	return found
}

func code(err error) string {
	var problem *pq.Error
	if !errors.As(err, &problem) {
		must(err)
		return "accepted"
	}
	return "refused " + string(problem.Code)
}

func refused(on querier, query string, values ...interface{}) {
	rows, err := on.QueryContext(ctx, query, values...)
	if err == nil {
		_, err = texts(rows)
	}
	say(query, code(err))
}

func do(conn *sql.Conn, query string, values ...interface{}) {
	_, err := conn.ExecContext(ctx, query, values...)
	must(err)
}

const moment = "select (timestamptz '2020-02-01 00:00Z')::text, name from item"

func day() {
	scenario("parameters of many types", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		for i := 0; i < 3; i++ {
			say(ask(conn, "select $1::int, $2::text, $3::float8, $4::bool,"+
				" $5::bytea::text, $6::int[], $7::text", i, "it's é", 1.5, true,
				[]byte{0, 255}, pq.Array([]int{1, 2}), nil))
		}
		var when time.Time
		must(conn.QueryRowContext(ctx, "select $1::timestamptz",
			time.Unix(1580515200, 0)).Scan(&when))
		say(when.Unix())
		say(ask(conn, "select 1, 'no parameters'"))
	})
	scenario("prepared statements", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		double, err := conn.PrepareContext(ctx, "select $1::int * 2")
		must(err)
		item, err := conn.PrepareContext(ctx,
			"select name from tenant_1.item where id = $1")
		must(err)
		for i := 0; i < 12; i++ {
			say(askStatement(double, i), askStatement(item, i%10),
				ask(conn, "select $1::text || '!'", i))
		}
		must(double.Close())
		var kept []*sql.Stmt
		for i := 0; i < 100; i++ {
			one, err := conn.PrepareContext(ctx,
				"select $1::int + "+strconv.Itoa(i))
			must(err)
			kept = append(kept, one)
		}
		say(askStatement(kept[0], 1), askStatement(kept[99], 1),
			askStatement(item, 5))
	})
	scenario("statements of the pool", func() {
		// database/sql prepares a statement anew on each connection it uses.
		db, err := sql.Open("postgres", "")
		must(err)
		defer db.Close()
		query, err := db.Prepare("select name from tenant_2.item where id = $1")
		must(err)
		for i := 0; i < 10; i++ {
			db.SetMaxIdleConns(i % 2)
			say(askStatement(query, i))
		}
	})
	scenario("transactions", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		do(conn, "create table tx (id int primary key, name text)")
		insert, err := conn.PrepareContext(ctx,
			"insert into tx values ($1, $2)")
		must(err)
		for i := 0; i < 8; i++ {
			tx, err := conn.BeginTx(ctx, nil)
			must(err)
			_, err = tx.Stmt(insert).Exec(i, fmt.Sprint("name ", i))
			must(err)
			if i%3 == 2 {
				must(tx.Rollback())
			} else {
				must(tx.Commit())
			}
		}
		say(ask(conn, "select id, name from tx order by id"))
		tx, err := conn.BeginTx(ctx, &sql.TxOptions{
			Isolation: sql.LevelSerializable, ReadOnly: true})
		must(err)
		say(ask(tx, "show transaction_isolation"),
			ask(tx, "show transaction_read_only"))
		refused(tx, "insert into tx values ($1)", 100)
		must(tx.Rollback())
		tx, err = conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		must(err)
		say(ask(tx, "select count(*) from tx where id < $1", 3))
		say(ask(tx, "select count(*) from tx"))
		must(tx.Commit())
	})
	scenario("errors in the midst of a transaction", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		do(conn, "create table er (id int primary key)")
		for turn := 0; turn < 4; turn++ {
			tx, err := conn.BeginTx(ctx, nil)
			must(err)
			_, err = tx.Exec("insert into er values ($1)", turn)
			must(err)
			_, err = tx.Exec("insert into er values ($1)", turn)
			say(code(err))
			refused(tx, "select $1::int", turn)
			must(tx.Rollback())
			say(ask(conn, "select count(*) from er"))
		}
		refused(conn, "selec 1")
		refused(conn, "select * from nowhere where id = $1", 1)
		refused(conn, "select $1::int", "no number")
		_, err := conn.PrepareContext(ctx, "select * from nowhere")
		say(code(err))
		say(ask(conn, "select $1::text", "alive"))
	})
	scenario("settings", func() {
		db, conn := connect("search_path=tenant_2 application_name=theday " +
			"statement_timeout=30000")
		defer db.Close()
		defer conn.Close()
		say(ask(conn, moment), ask(conn, "show application_name"))
		zones := []string{"Europe/Berlin", "America/Lima", "UTC"}
		for i := 0; i < 9; i++ {
			do(conn, "set TimeZone to '"+zones[i%3]+"'")
			do(conn, fmt.Sprint("set search_path to tenant_", i%4))
			say(ask(conn, moment), ask(conn, moment+" where id = $1", i))
		}
		tx, err := conn.BeginTx(ctx, nil)
		must(err)
		_, err = tx.Exec("set local TimeZone to 'Asia/Kolkata'")
		must(err)
		_, err = tx.Exec("select set_config('search_path', $1, true)",
			"tenant_3")
		must(err)
		say(ask(tx, moment))
		must(tx.Commit())
		say(ask(conn, moment))
		do(conn, "select set_config($1, $2, false)", "my.tenant", "x")
		say(ask(conn, "select current_setting('my.tenant')"))
		refused(conn, "set TimeZone to 'No/Where'")
		do(conn, "set role alice")
		say(ask(conn, "select current_user, session_user, $1::int", 1))
		do(conn, "reset role")
		say(ask(conn, "select current_user, session_user"))
	})
	scenario("reset to what the connection began with", func() {
		db, conn := connect("search_path=tenant_2 timezone=Asia/Kolkata")
		defer db.Close()
		defer conn.Close()
		for _, command := range []string{"reset search_path",
			"set search_path to default", "reset all", "discard all"} {
			do(conn, "set search_path to tenant_1")
			do(conn, command)
			say(ask(conn, "show search_path"), ask(conn, "show TimeZone"))
		}
	})
	scenario("copy", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		do(conn, "create table cp (id int, name text)")
		tx, err := conn.BeginTx(ctx, nil)
		must(err)
		in, err := tx.Prepare(pq.CopyIn("cp", "id", "name"))
		must(err)
		for i := 0; i < 3000; i++ {
			_, err = in.Exec(i, fmt.Sprint("name ", i))
			must(err)
		}
		_, err = in.Exec()
		must(err)
		must(in.Close())
		must(tx.Commit())
		say(ask(conn, "select count(*), max(name) from cp"))
		tx, err = conn.BeginTx(ctx, nil)
		must(err)
		in, err = tx.Prepare(pq.CopyIn("cp", "id", "name"))
		must(err)
		_, err = in.Exec("no number", "x")
		must(err)
		_, err = in.Exec()
		say(code(err))
		_ = in.Close()
		must(tx.Rollback())
		say(ask(conn, "select count(*) from cp"))
	})
	scenario("server-side cursors", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		tx, err := conn.BeginTx(ctx, nil)
		must(err)
		_, err = tx.Exec("declare walker cursor for" +
			" select generate_series(1, 200)")
		must(err)
		for i := 0; i < 3; i++ {
			say(ask(tx, "fetch 5 from walker"))
		}
		must(tx.Commit())
	})
	scenario("deallocate and discard", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		for _, command := range []string{"deallocate all", "discard all"} {
			query, err := conn.PrepareContext(ctx, "select $1::int + 10")
			must(err)
			say(askStatement(query, 1))
			do(conn, command)
			rows, err := query.Query(2)
			if err == nil {
				_, err = texts(rows)
			}
			say(code(err), ask(conn, "select $1::int", 3))
			_ = query.Close()
		}
	})
	scenario("a query given up", func() {
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		brief, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err := conn.ExecContext(brief, "select pg_sleep($1)", 30)
		say(code(err))
		_ = conn.Close()
		say(ask(db, "select $1::text", "alive"))
	})
	scenario("notifications from another connection", func() {
		listener := pq.NewListener("", time.Second, time.Second, nil)
		defer listener.Close()
		must(listener.Listen("news"))
		db, conn := connect("")
		defer db.Close()
		defer conn.Close()
		do(conn, "select pg_notify('news', $1)", "hello")
		select {
		case note := <-listener.Notify:
			say(note.Channel, note.Extra)
		case <-time.After(20 * time.Second):
			say("nothing was heard")
		}
	})
}

func member(i int, ready *sync.WaitGroup) []string {
	db, conn := connect(fmt.Sprintf("search_path=tenant_%d", i%4))
	defer db.Close()
	defer conn.Close()
	do(conn, fmt.Sprintf("set TimeZone to 'Etc/GMT+%d'", i))
	do(conn, "set role "+[]string{"app", "alice"}[i%2])
	item, err := conn.PrepareContext(ctx, fmt.Sprintf("select name, %d,"+
		" $2::int, current_setting('TimeZone'), current_user from item"+
		" where id = $1", i))
	must(err)
	// Nobody leaves before all have come.
	ready.Done()
	ready.Wait()
	var seen []string
	for turn := 0; turn < 20; turn++ {
		seen = append(seen, askStatement(item, i, turn),
			ask(conn, "select name, $1::int from item where id = 0", turn))
		tx, err := conn.BeginTx(ctx, nil)
		must(err)
		_, err = tx.Exec("update item set name = name || $1 where id = $2",
			strconv.Itoa(turn), i+1)
		must(err)
		must(tx.Commit())
	}
	return append(seen, ask(conn, "select name from item where id = $1", i+1))
}

func crowd() {
	count, err := strconv.Atoi(os.Getenv("CROWD"))
	must(err)
	var ready, done sync.WaitGroup
	ready.Add(count)
	done.Add(count)
	seen := make([][]string, count)
	for i := range seen {
		go func(i int) {
			defer done.Done()
			seen[i] = member(i, &ready)
		}(i)
	}
	done.Wait()
	for _, lines := range seen {
		say(strings.Join(lines, "\n"))
	}
}

func run(one entry) {
	defer func() {
		if problem := recover(); problem != nil {
			say("EXCEPTION", problem)
		}
	}()
	say("==", one.name)
	one.work()
}

func main() {
	if os.Args[1] == "crowd" {
		scenarios = []entry{{"crowd", crowd}}
	} else {
		day()
	}
	for _, one := range scenarios {
		run(one)
	}
}
