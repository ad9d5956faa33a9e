/* keywords.h - what libpq is told of a connection. */
#ifndef CONTROL_KEYWORDS_H
#define CONTROL_KEYWORDS_H

#include <libpq-fe.h>

struct control_params;
struct error;

/*
 * Starts a connection by PARAMS and nothing else. NULL and ERR if that cannot
 * be tried; otherwise the caller ends the result with PQfinish(), also where it
 * is CONNECTION_BAD already.
 */
PGconn *keywords_connect(
    const struct control_params *params, struct error *err);

#endif
