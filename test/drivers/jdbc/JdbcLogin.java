/*
 * JdbcLogin.java - one login and one query by pgjdbc: "java JdbcLogin URL QUERY"
 * prints the columns of the first row, or the SQLSTATE of what was refused.
 */
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;

public class JdbcLogin {
	public static void main(String[] args) throws SQLException {
		try (Connection db = DriverManager.getConnection(args[0]);
		     ResultSet row = db.createStatement().executeQuery(args[1])) {
			row.next();
			System.out.println(row.getString(1) + "|" + row.getString(2));
		} catch (SQLException problem) {
			if (problem.getSQLState() == null
			    || !problem.getSQLState().startsWith("28")) {
				throw problem;
			}
			System.out.println(problem.getSQLState());
		}
	}
}
