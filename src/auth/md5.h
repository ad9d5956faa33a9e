/* md5.h - PostgreSQL's md5 passwords: stored form and answer to a challenge. */
#ifndef AUTH_MD5_H
#define AUTH_MD5_H

#include <stddef.h>
#include <stdint.h>

struct error;

/* "md5", 32 hexadecimal digits, NUL. */
#define MD5_TEXT_BYTES 36
#define MD5_SALT_BYTES 4

/* The stored form: "md5" + hex(md5(PASSWORD USER)). -1 and ERR when OpenSSL
 * has no md5 (FIPS). */
int md5_secret(const char *user, const char *password, char out[MD5_TEXT_BYTES],
    struct error *err) __attribute__((warn_unused_result));

/*
 * The password message that answers AuthenticationMD5Password with SALT:
 * "md5" + hex(md5(hex(md5(password user)) SALT)). SECRET is the password or
 * its stored md5 form; a SCRAM secret is -1 and ERR. Source: PostgreSQL docs,
 * "Message Flow", AuthenticationMD5Password.
 */
int md5_answer(const char *user, const char *secret,
    const uint8_t salt[MD5_SALT_BYTES], char out[MD5_TEXT_BYTES],
    struct error *err) __attribute__((warn_unused_result));

#endif
