/* encoding.h - which client encodings SQL text can be read in. */
#ifndef SQL_ENCODING_H
#define SQL_ENCODING_H

#include <stdbool.h>

/*
 * Whether a character of CLIENT_ENCODING can have a trailing byte that looks
 * like ASCII: SJIS, SHIFT_JIS_2004, BIG5, GBK, GB18030, JOHAB, UHC and their
 * aliases, spelled as PostgreSQL accepts them (case and punctuation do not
 * matter). A text in such an encoding cannot be scanned byte by byte, so
 * nothing is classified. Unknown names and NULL are unsafe.
 * Source: PostgreSQL docs, "Character Set Support".
 */
bool sql_encoding_is_unsafe(const char *client_encoding);

#endif
