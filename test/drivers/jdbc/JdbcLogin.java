/*
 * JdbcLogin.java - logs in by pgjdbc with the URL that is given and says who the
 * server thinks it is: "java JdbcLogin.java URL". The password is in PGPASSWORD.
 */
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

public class JdbcLogin {
	public static void main(String[] args) throws Exception {
		Properties words = new Properties();
		words.setProperty("password", System.getenv("PGPASSWORD"));
		try (Connection db = DriverManager.getConnection(args[0], words)) {
			ResultSet row = db.createStatement().executeQuery(
			    "select current_user");
			row.next();
			System.out.println(row.getString(1));
		} catch (SQLException refused) {
			System.out.println(refused.getSQLState());
		}
	}
}
