/* pq_error.h - libpq's words as a struct error. */
#ifndef CONTROL_PQ_ERROR_H
#define CONTROL_PQ_ERROR_H

#include <libpq-fe.h>
#include <stdbool.h>

struct error;

/* Whether TEXT is a server's error, made verbose. */
bool pq_error_has_sqlstate(const char *text);

/* Sets ERR from libpq's TEXT: its SQLSTATE or FALLBACK, and the first line
 * without libpq's preamble. */
void pq_error_set(struct error *err, const char *text, const char *fallback);

/* Sets ERR from what RESULT, an error, says. */
void pq_error_set_result(struct error *err, const PGresult *result);

#endif
