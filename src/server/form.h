/*
 * form.h - what the description of a prepared statement says: the types of its
 * parameters, and the form of its rows.
 *
 * A plan keeps the form it was first given: PostgreSQL refuses to run it when
 * that is no longer what its tables make of it. A client that was told a form
 * on one server must not meet another on the next.
 */
#ifndef SERVER_FORM_H
#define SERVER_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct form;

/* A form of which nothing is known yet; the caller has its one count. */
struct form *form_new(void);

/* Counts FORM once more and returns it. NULL is accepted. */
struct form *form_ref(struct form *form);

/* Gives *FORM back and sets it to NULL; the last one frees it. NULL is
 * accepted. */
void form_release(struct form **form);

/*
 * Adds what the SIZE bytes of BODY of a ParameterDescription, RowDescription or
 * NoData say, by its TYPE. What is malformed adds nothing. To a form with one
 * count only, *FORM, which may become another.
 */
void form_add(
    struct form **form, uint8_t type, const uint8_t *body, size_t size);

/* Whether both parameters and rows were described, as they are of a statement,
 * or at least asked for: nothing more can be known. */
bool form_is_whole(const struct form *form);
void form_set_whole(struct form *form);

/* When it was last described so: the number of a description, which later ones
 * are higher than. 0: never yet. */
uint64_t form_age(const struct form *form);
void form_set_age(struct form *form, uint64_t age);

/* Whether the rows of A, where both are known, are what B says: the same names,
 * types and modifiers, as PostgreSQL compares. */
bool form_has_rows_of(const struct form *a, const struct form *b);

/* The same of parameters and their types. */
bool form_has_types_of(const struct form *a, const struct form *b);

/* Whether there are rows. */
bool form_has_rows(const struct form *form);

/* The types of the parameters as they end a Parse: their count and each; NULL
 * if they are not known. Borrowed. */
const uint8_t *form_types(const struct form *form, size_t *size);

#endif
