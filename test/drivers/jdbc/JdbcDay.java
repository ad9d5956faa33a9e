/*
 * JdbcDay.java - pgjdbc as it comes: it names a statement at its fifth execution
 * (prepareThreshold) and keeps it in a cache. "java JdbcDay day" and "java
 * JdbcDay crowd", see support/day.py.
 */
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

public class JdbcDay {
	interface Work {
		void run() throws Exception;
	}

	private static final String MOMENT =
	    "select (timestamptz '2020-02-01 00:00Z')::text, name from item";
	private static final List<String> names = new ArrayList<>();
	private static final List<Work> works = new ArrayList<>();
	private static final List<Connection> opened = new ArrayList<>();

	static void scenario(String name, Work work) {
		names.add(name);
		works.add(work);
	}

	static void say(Object... words) {
		StringBuilder line = new StringBuilder();
		for (Object word : words) {
			line.append(line.length() == 0 ? "" : " ").append(word);
		}
		System.out.println(line);
	}

	static Connection connect(String... options) throws SQLException {
		String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":"
		    + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE")
		    + "?user=" + System.getenv("PGUSER") + "&password="
		    + System.getenv("PGPASSWORD");
		for (String option : options) {
			url += "&" + option;
		}
		Connection db = DriverManager.getConnection(url);
		synchronized (opened) {
			opened.add(db);
		}
		return db;
	}

	static String rows(ResultSet found) throws SQLException {
		StringBuilder all = new StringBuilder();
		int count = found.getMetaData().getColumnCount();
		while (found.next()) {
			all.append(all.length() == 0 ? "(" : " (");
			for (int i = 1; i <= count; i++) {
				all.append(i == 1 ? "" : ", ").append(found.getString(i));
			}
			all.append(")");
		}
		found.close();
		return all.toString();
	}

	static String rows(PreparedStatement query, Object... values)
	    throws SQLException {
		for (int i = 0; i < values.length; i++) {
			query.setObject(i + 1, values[i]);
		}
		return rows(query.executeQuery());
	}

	static String ask(Connection db, String sql, Object... values)
	    throws SQLException {
		try (PreparedStatement query = db.prepareStatement(sql)) {
			return rows(query, values);
		}
	}

	static void run(Connection db, String sql) throws SQLException {
		try (Statement statement = db.createStatement()) {
			statement.execute(sql);
		}
	}

	static void change(Connection db, String sql, Object... values)
	    throws SQLException {
		try (PreparedStatement query = db.prepareStatement(sql)) {
			for (int i = 0; i < values.length; i++) {
				query.setObject(i + 1, values[i]);
			}
			query.execute();
		}
	}

	static void refused(Connection db, String sql, Object... values) {
		try {
			change(db, sql, values);
			say(sql, "accepted");
		} catch (SQLException problem) {
			say(sql, "refused", problem.getSQLState());
		}
	}

	static void day() {
		scenario("parameters of many types", () -> {
			Connection db = connect();
			for (int i = 0; i < 8; i++) {
				say(ask(db, "select ?::int, ?::bigint, ?::float8, ?::text,"
				    + " ?::bool, ?::numeric", i, 1L << 40, 1.5, "it's é",
				    true, new java.math.BigDecimal("10.50")));
			}
			try (PreparedStatement query = db.prepareStatement(
			    "select ?::int[], length(?::bytea), ?::text")) {
				for (int i = 0; i < 7; i++) {
					query.setArray(1, db.createArrayOf("int4",
					    new Object[] { 1, i }));
					query.setBytes(2, new byte[] { 0, -1 });
					query.setNull(3, java.sql.Types.VARCHAR);
					say(rows(query.executeQuery()));
				}
			}
		});
		scenario("statements repeated until they are named", () -> {
			Connection db = connect();
			PreparedStatement twice = db.prepareStatement("select ?::int * 2");
			PreparedStatement item = db.prepareStatement(
			    "select name from tenant_1.item where id = ?");
			for (int i = 0; i < 12; i++) {
				say(rows(twice, i), rows(item, i % 10),
				    ask(db, "select ?::text || '!'", "word " + i));
			}
			// Another type: prepared anew.
			say(rows(twice, "21"), rows(twice, 4));
		});
		scenario("more statements than the driver keeps", () -> {
			Connection db = connect("preparedStatementCacheQueries=20");
			long total = 0;
			for (int turn = 0; turn < 8; turn++) {
				for (int i = 0; i < 30; i++) {
					total += Long.parseLong(ask(db, "select ?::int + " + i,
					    turn).replaceAll("[()]", ""));
				}
			}
			say(total);
		});
		scenario("transactions", () -> {
			Connection db = connect();
			run(db, "create table tx (id int primary key, name text)");
			db.setAutoCommit(false);
			for (int i = 0; i < 8; i++) {
				change(db, "insert into tx values (?, ?)", i, "name " + i);
				if (i % 3 == 2) {
					db.rollback();
				} else {
					db.commit();
				}
			}
			Savepoint point = db.setSavepoint("a");
			change(db, "insert into tx values (?, ?)", 100, "lost");
			db.rollback(point);
			change(db, "update tx set name = ? where id = 0", "kept");
			db.commit();
			say(ask(db, "select id, name from tx order by id"));
			db.commit();
			db.setReadOnly(true);
			say(ask(db, "select count(*) from tx where id < ?", 5));
			refused(db, "insert into tx values (101)");
			db.rollback();
			db.setReadOnly(false);
			db.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
			say(ask(db, "show transaction_isolation"));
			change(db, "insert into tx values (?)", 102);
			db.commit();
			db.setAutoCommit(true);
			say(ask(db, "show transaction_isolation"),
			    ask(db, "select count(*) from tx"));
		});
		scenario("errors in the midst of a transaction", () -> {
			Connection db = connect();
			run(db, "create table er (id int primary key)");
			db.setAutoCommit(false);
			for (int turn = 0; turn < 8; turn++) {
				change(db, "insert into er values (?)", turn);
				refused(db, "insert into er values (?)", turn);
				refused(db, "select ?::int", turn);
				db.rollback();
				say(ask(db, "select count(*) from er"));
				db.commit();
			}
			db.setAutoCommit(true);
			refused(db, "selec 1");
			refused(db, "select * from nowhere where id = ?", 1);
			refused(db, "select ?::int", "no number");
			change(db, "insert into er values (?)", 1);
			say(ask(db, "select id from er"));
		});
		scenario("errors with automatic savepoints", () -> {
			Connection db = connect("autosave=always");
			run(db, "create table au (id int primary key)");
			db.setAutoCommit(false);
			for (int turn = 0; turn < 8; turn++) {
				change(db, "insert into au values (?)", turn);
				refused(db, "insert into au values (?)", turn);
			}
			db.commit();
			say(ask(db, "select count(*) from au"));
			db.commit();
		});
		scenario("settings", () -> {
			Connection db = connect("currentSchema=tenant_2",
			    "ApplicationName=theday",
			    "options=-c%20statement_timeout=30s");
			say(ask(db, MOMENT), ask(db, "show application_name"));
			String[] zones = { "Europe/Berlin", "America/Lima", "UTC" };
			for (int i = 0; i < 9; i++) {
				run(db, "set TimeZone to '" + zones[i % 3] + "'");
				db.setSchema("tenant_" + i % 4);
				say(ask(db, MOMENT + " where id = ?", i), db.getSchema());
			}
			db.setAutoCommit(false);
			run(db, "set local TimeZone to 'Asia/Kolkata'");
			ask(db, "select set_config('search_path', ?, true)", "tenant_3");
			say(ask(db, MOMENT));
			db.commit();
			say(ask(db, MOMENT));
			db.commit();
			db.setAutoCommit(true);
			ask(db, "select set_config(?, ?, false)", "my.tenant", "x");
			say(ask(db, "select current_setting('my.tenant')"));
			refused(db, "set TimeZone to 'No/Where'");
			db.setClientInfo("ApplicationName", "another");
			say(ask(db, "show application_name"));
		});
		scenario("reset to what the connection began with", () -> {
			Connection db = connect("currentSchema=tenant_2");
			for (String command : new String[] { "reset search_path",
			    "set search_path to default", "reset all", "discard all" }) {
				run(db, "set search_path to tenant_1");
				run(db, command);
				say(ask(db, "show search_path"), ask(db, "show TimeZone"));
			}
		});
		scenario("roles", () -> {
			Connection db = connect();
			String who = "select current_user, session_user, ?::int";
			run(db, "set role alice");
			for (int i = 0; i < 7; i++) {
				say(ask(db, who, i));
			}
			refused(db, "set role nosuch");
			run(db, "reset role");
			say(ask(db, who, 9));
			db.setAutoCommit(false);
			run(db, "set local role alice");
			say(ask(db, who, 10));
			db.commit();
			say(ask(db, who, 11));
			db.commit();
		});
		scenario("copy", () -> {
			Connection db = connect();
			run(db, "create table cp (id int, name text)");
			StringBuilder lines = new StringBuilder();
			for (int i = 0; i < 3000; i++) {
				lines.append(i).append("\tname ").append(i).append("\n");
			}
			PGConnection pg = db.unwrap(PGConnection.class);
			say(pg.getCopyAPI().copyIn("copy cp from stdin",
			    new StringReader(lines.toString())));
			StringWriter out = new StringWriter();
			pg.getCopyAPI().copyOut("copy (select * from cp where id < 3"
			    + " order by id) to stdout", out);
			say(out.toString().replace("\n", "|"));
			try {
				pg.getCopyAPI().copyIn("copy cp from stdin",
				    new StringReader("no number\tx\n"));
			} catch (SQLException problem) {
				say(problem.getSQLState());
			}
			say(ask(db, "select count(*) from cp"));
		});
		scenario("server-side cursors", () -> {
			Connection db = connect();
			db.setAutoCommit(false);
			for (int turn = 0; turn < 7; turn++) {
				try (PreparedStatement query = db.prepareStatement(
				    "select i from generate_series(1, ?) i")) {
					query.setFetchSize(70);
					query.setInt(1, 500);
					long total = 0;
					ResultSet found = query.executeQuery();
					while (found.next()) {
						total += found.getInt(1);
						if (found.getInt(1) == 100) {
							ask(db, "select 'between', ?::int", 1);
						}
					}
					say(total);
				}
				db.commit();
			}
		});
		scenario("batch", () -> {
			Connection db = connect();
			run(db, "create table many (id int primary key, name text)");
			db.setAutoCommit(false);
			try (PreparedStatement query = db.prepareStatement(
			    "insert into many values (?, ?)")) {
				for (int i = 0; i < 1000; i++) {
					query.setInt(1, i);
					query.setString(2, "name " + i);
					query.addBatch();
				}
				say(query.executeBatch().length);
				db.commit();
				for (int i = 1010; i > 990; i--) {
					query.setInt(1, i);
					query.setString(2, "again");
					query.addBatch();
				}
				try {
					query.executeBatch();
				} catch (SQLException problem) {
					say(problem.getSQLState());
				}
				db.rollback();
			}
			say(ask(db, "select count(*), sum(id) from many"));
			db.commit();
			try (PreparedStatement query = db.prepareStatement(
			    "insert into many values (?, 'key')",
			    Statement.RETURN_GENERATED_KEYS)) {
				for (int i = 2000; i < 2010; i++) {
					query.setInt(1, i);
					query.addBatch();
				}
				query.executeBatch();
				say(rows(query.getGeneratedKeys()));
			}
			db.commit();
			db.close();
			Connection rewriting = connect("reWriteBatchedInserts=true");
			try (PreparedStatement query = rewriting.prepareStatement(
			    "insert into many values (?, ?)")) {
				for (int i = 3000; i < 3100; i++) {
					query.setInt(1, i);
					query.setString(2, "rewritten");
					query.addBatch();
				}
				query.executeBatch();
			}
			say(ask(rewriting, "select count(*) from many"));
		});
		scenario("deallocate and discard", () -> {
			Connection db = connect();
			for (String command : new String[] { "deallocate all",
			    "discard all" }) {
				PreparedStatement query = db.prepareStatement(
				    "select ?::int + 10");
				for (int i = 0; i < 7; i++) {
					say(rows(query, i));
				}
				run(db, command);
				for (int i = 0; i < 7; i++) {
					say(rows(query, i), ask(db, "select ?::int", i));
				}
			}
			run(db, "prepare by_hand (int) as select $1 * 3");
			say(ask(db, "execute by_hand (5)"));
			run(db, "deallocate by_hand");
			refused(db, "execute by_hand (5)");
		});
		scenario("a migration below a named statement", () -> {
			Connection db = connect();
			run(db, "create table mg (id int)");
			run(db, "insert into mg values (1)");
			PreparedStatement query = db.prepareStatement(
			    "select * from mg where id = ?");
			for (int turn = 0; turn < 3; turn++) {
				for (int i = 0; i < 7; i++) {
					say(rows(query, 1));
				}
				run(db, "alter table mg add column c" + turn
				    + " text default 'd'");
			}
			say(rows(query, 1));
		});
		scenario("several statements at once", () -> {
			Connection db = connect();
			try (Statement statement = db.createStatement()) {
				boolean more = statement.execute("create table sv (id int);"
				    + " insert into sv values (1), (2); select * from sv");
				while (more || statement.getUpdateCount() >= 0) {
					say(more ? rows(statement.getResultSet())
					    : statement.getUpdateCount());
					more = statement.getMoreResults();
				}
			}
			refused(db, "insert into sv values (3); select 1/0");
			say(ask(db, "select count(*) from sv"));
		});
		scenario("notifications and a query given up", () -> {
			Connection db = connect();
			run(db, "listen news");
			ask(db, "select pg_notify('news', ?)", "hello");
			PGNotification[] heard = db.unwrap(PGConnection.class)
			    .getNotifications(5000);
			say(heard[0].getName(), heard[0].getParameter());
			try (Statement statement = db.createStatement()) {
				statement.setQueryTimeout(1);
				statement.execute("select pg_sleep(30)");
			} catch (SQLException problem) {
				say(problem.getSQLState());
			}
			say(ask(db, "select ?::text", "alive"), db.isValid(5));
		});
	}

	static void member(int i, CountDownLatch present, List<String> seen)
	    throws Exception {
		Connection db = connect("currentSchema=tenant_" + i % 4);
		run(db, "set TimeZone to 'Etc/GMT+" + i + "'");
		run(db, "set role " + (i % 2 == 0 ? "app" : "alice"));
		// Nobody leaves before all have come.
		present.countDown();
		present.await();
		for (int turn = 0; turn < 20; turn++) {
			seen.add(ask(db, "select name, " + i + ", ?::int,"
			    + " current_setting('TimeZone'), current_user from item"
			    + " where id = ?", turn, i));
			seen.add(ask(db, "select name from item where id = ?", 0));
			db.setAutoCommit(false);
			change(db, "update item set name = name || ? where id = ?",
			    "" + turn, i + 1);
			db.commit();
			db.setAutoCommit(true);
		}
		seen.add(ask(db, "select name from item where id = ?", i + 1));
	}

	static void crowd() throws Exception {
		int count = Integer.parseInt(System.getenv("CROWD"));
		CountDownLatch present = new CountDownLatch(count);
		List<Thread> threads = new ArrayList<>();
		List<List<String>> seen = new ArrayList<>();
		for (int i = 0; i < count; i++) {
			final int number = i;
			final List<String> mine = new ArrayList<>();
			seen.add(mine);
			Thread thread = new Thread(() -> {
				try {
					member(number, present, mine);
				} catch (Exception problem) {
					mine.add("EXCEPTION " + problem);
					present.countDown();
				}
			});
			threads.add(thread);
			thread.start();
		}
		for (Thread thread : threads) {
			thread.join();
		}
		for (List<String> lines : seen) {
			say(String.join("\n", lines));
		}
	}

	public static void main(String[] arguments) throws Exception {
		System.setOut(new java.io.PrintStream(System.out, true, "UTF-8"));
		if (arguments[0].equals("crowd")) {
			names.add("crowd");
			works.add(JdbcDay::crowd);
		} else {
			day();
		}
		for (int i = 0; i < names.size(); i++) {
			say("==", names.get(i));
			try {
				works.get(i).run();
			} catch (Exception problem) {
				say("EXCEPTION", problem);
				problem.printStackTrace();
			}
			// After a failure, too: the next one needs the room.
			for (Connection db : opened) {
				try {
					db.close();
				} catch (SQLException ignored) {
					// It is lost already.
				}
			}
			opened.clear();
		}
	}
}
