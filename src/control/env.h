/* env.h - keeps the environment from speaking to libpq. */
#ifndef CONTROL_ENV_H
#define CONTROL_ENV_H

/* Removes every variable libpq would read (all PG* but PGWEIR*) from this
 * process. Cheap when there is none. */
void env_forget_libpq(void);

#endif
