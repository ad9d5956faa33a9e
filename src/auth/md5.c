/*
 * md5.c - PostgreSQL's md5 passwords: stored form and answer to a challenge.
 *
 * Old and weak, but servers still ask for it. Source: PostgreSQL docs,
 * "Message Flow", AuthenticationMD5Password.
 */
#include "auth/md5.h"

#include <openssl/evp.h>
#include <string.h>

#include "auth/secret.h"
#include "core/error.h"
#include "core/mem.h"

#define MD5_BYTES 16

/* Writes "md5" and the digits of md5(FIRST SECOND) to OUT. */
static int
hash_two(const char *first, const void *second, size_t second_size,
    char out[MD5_TEXT_BYTES], struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t sum[MD5_BYTES];
	bool done = context != NULL &&
	    EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
	    EVP_DigestUpdate(context, first, strlen(first)) == 1 &&
	    EVP_DigestUpdate(context, second, second_size) == 1 &&
	    EVP_DigestFinal_ex(context, sum, NULL) == 1;

	EVP_MD_CTX_free(context);
	if (!done) {
		error_set(err, SQLSTATE_INTERNAL,
		    "OpenSSL offers no md5, which this login needs");
		return -1;
	}
	memcpy(out, "md5", 3);
	for (size_t i = 0; i < sizeof(sum); i++) {
		out[3 + 2 * i] = digits[sum[i] >> 4];
		out[4 + 2 * i] = digits[sum[i] & 15];
	}
	out[MD5_TEXT_BYTES - 1] = '\0';
	return 0;
}

int
md5_secret(const char *user, const char *password, char out[MD5_TEXT_BYTES],
    struct error *err)
{
	return hash_two(password, user, strlen(user), out, err);
}

int
md5_answer(const char *user, const char *secret,
    const uint8_t salt[MD5_SALT_BYTES], char out[MD5_TEXT_BYTES],
    struct error *err)
{
	char stored[MD5_TEXT_BYTES] = "";
	int ret = -1;

	switch (secret_kind(secret)) {
	case SECRET_PLAIN:
		ret = md5_secret(user, secret, stored, err);
		break;
	case SECRET_MD5:
		memcpy(stored, secret, sizeof(stored));
		ret = 0;
		break;
	case SECRET_SCRAM:
		error_set(err, SQLSTATE_INVALID_PASSWORD,
		    "server asks for md5, but only a SCRAM secret is stored "
		    "for this user");
		break;
	}
	if (ret == 0) {
		ret = hash_two(stored + 3, salt, MD5_SALT_BYTES, out, err);
	}
	mem_wipe(stored, sizeof(stored));
	return ret;
}
