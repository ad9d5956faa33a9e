/*
 * encoding.c - which client encodings SQL text can be read in.
 *
 * A list of the safe ones: in these every byte below 128 is that ASCII
 * character and never the tail of another.
 */
#include "sql/encoding.h"

#include <stddef.h>
#include <string.h>

/* Lower case, letters and digits only, as PostgreSQL compares the names. */
static const char *const safe_names[] = {
    "abc",
    "alt",
    "euccn",
    "eucjis2004",
    "eucjp",
    "euckr",
    "euctw",
    "iso88591",
    "iso885910",
    "iso885913",
    "iso885914",
    "iso885915",
    "iso885916",
    "iso88592",
    "iso88593",
    "iso88594",
    "iso88595",
    "iso88596",
    "iso88597",
    "iso88598",
    "iso88599",
    "koi8",
    "koi8r",
    "koi8u",
    "latin1",
    "latin10",
    "latin2",
    "latin3",
    "latin4",
    "latin5",
    "latin6",
    "latin7",
    "latin8",
    "latin9",
    "muleinternal",
    "sqlascii",
    "tcvn",
    "tcvn5712",
    "unicode",
    "utf8",
    "vscii",
    "win",
    "win1250",
    "win1251",
    "win1252",
    "win1253",
    "win1254",
    "win1255",
    "win1256",
    "win1257",
    "win1258",
    "win866",
    "win874",
    "windows1250",
    "windows1251",
    "windows1252",
    "windows1253",
    "windows1254",
    "windows1255",
    "windows1256",
    "windows1257",
    "windows1258",
    "windows866",
    "windows874",
};

bool
sql_encoding_is_unsafe(const char *client_encoding)
{
	char name[32];
	size_t length = 0;

	if (client_encoding == NULL) {
		return true;
	}
	for (const char *p = client_encoding; *p != '\0'; p++) {
		const char lower =
		    *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;

		if ((lower >= 'a' && lower <= 'z') ||
		    (lower >= '0' && lower <= '9')) {
			if (length == sizeof(name) - 1) {
				return true;
			}
			name[length++] = lower;
		}
	}
	name[length] = '\0';
	for (size_t i = 0; i < sizeof(safe_names) / sizeof(safe_names[0]);
	     i++) {
		if (strcmp(name, safe_names[i]) == 0) {
			return false;
		}
	}
	return true;
}
