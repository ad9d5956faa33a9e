/* app_name.h - application_name with the address of the client. */
#ifndef CLIENT_APP_NAME_H
#define CLIENT_APP_NAME_H

struct address;
struct buf;

/*
 * Appends to OUT the application_name of a client at PEER that calls itself
 * NAME (NULL: nothing, "app" then): "NAME - 10.1.2.3:5432". PORT is our own,
 * for a client of the Unix socket. PostgreSQL keeps only the beginning of a
 * long name: NAME is cut so that the address is always in it.
 */
void app_name_put(
    struct buf *out, const char *name, const struct address *peer, int port);

#endif
