/*
 * stream_tls.h - what is known of the TLS of a stream, and of who is at its
 * other end.
 *
 * All of it is there once the first byte has been read through TLS; before, and
 * on a stream without TLS, there is nothing: "", NULL, false or 0.
 */
#ifndef NET_STREAM_TLS_H
#define NET_STREAM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;

/* Room for version and cipher. */
#define TLS_TEXT_BYTES 96
/* The longest tls-server-end-point. */
#define TLS_END_POINT_BYTES 64

/* Version and cipher, "TLSv1.3/TLS_AES_256_GCM_SHA384"; returns OUT. */
const char *stream_tls_text(
    const struct stream *stream, char *out, size_t size);

/* Whether both sides have agreed to speak "postgresql" (ALPN). */
bool stream_tls_has_protocol(const struct stream *stream);

/* Whether an earlier session was resumed. */
bool stream_tls_is_resumed(const struct stream *stream);

/* Whether the other side has shown a certificate that an authority of ours has
 * signed and that is valid now. Without, the names below prove nothing. */
bool stream_tls_is_verified(const struct stream *stream);

/* The common name of the other side's certificate, and its whole name as RFC
 * 2253 writes it, "CN=alice,O=Example"; NULL: it has shown none, or none with
 * such a name. The caller frees it. */
char *stream_tls_peer_name(const struct stream *stream)
    __attribute__((warn_unused_result));
char *stream_tls_peer_dn(const struct stream *stream)
    __attribute__((warn_unused_result));

/* Writes the channel binding of type tls-server-end-point into OUT and returns
 * its length; 0: there is none. RFC 5929. */
size_t stream_tls_server_end_point(
    const struct stream *stream, uint8_t out[TLS_END_POINT_BYTES]);

#endif
