/* tls_session_int.h - the inside of a session. */
#ifndef NET_TLS_SESSION_INT_H
#define NET_TLS_SESSION_INT_H

#include "core/buf.h"
#include "net/tls_int.h"
#include "net/tls_session.h"

struct tls_session {
	SSL *ssl;                    /* owned */
	struct tls_context *context; /* shared */
	struct tls_wire wire;
	char *host;        /* owned; NULL for TLS_ACCEPTS */
	struct buf early;  /* received before it began, not yet read */
	struct buf unsent; /* to be sent when the handshake is over */
	size_t budget;     /* of what the read under way may receive */
	char *reason;      /* owned; why it has failed; NULL: see .number */
	int number;        /* errno of the wire's failure; 0: none */
	bool is_reading;   /* what is sent now answers the peer */
	bool is_up;
	bool is_broken;
	bool has_ended; /* the wire is at its end */
	bool has_more;
	bool rests;        /* receives nothing */
	bool has_bad_peer; /* its certificate was not accepted */
};

/* The peer is who it was to be; false, with .reason, if it is not. */
bool tls_session_check_host(struct tls_session *session);

#endif
