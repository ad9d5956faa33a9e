/*
 * fake.h - settings of a PostgreSQL session, which the console is not: drivers
 * set and ask them all the same.
 */
#ifndef ADMIN_FAKE_H
#define ADMIN_FAKE_H

/* SHOW gives the value, SET is ignored. */
struct fake {
	const char *name;
	const char *value;
};

/* In any case of letters; NULL if NAME is none of them. */
const struct fake *fake_find(const char *name);

#endif
