/*
 * test_prepare.c - prepared statements of two clients on one server.
 *
 * Each script runs twice, once with everything sent at once and once byte by
 * byte; what arrives must be the same to the byte.
 */
#include "core/buf.h"
#include "support/script.h"
#include "support/unit.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "max_prepared_statements = 2\n"
    "log_disconnections = 0\n";

/* A statement "a" of client 1, known to the server. */
#define A \
	">1 P:select_1/a S", "=s P:select_1/pgweir_1 S", ">s 1 Z:I", "=1 1 Z:I"

static const struct script scripts[] = {
    {"a statement has a name of ours on the server, and keeps no server",
        {A, ">2 Q:select_2", "=s Q:select_2"}},
    {"it is bound and described under that name",
        {A, ">1 B:/a D:/a E S", "=s B:/pgweir_1 D:/pgweir_1 E S"}},
    {"parsed, bound and run in one batch",
        {">1 P:select_1/a B:/a E S", "=s P:select_1/pgweir_1 B:/pgweir_1 E S",
            ">s 1 2 C:S Z:I", "=1 1 2 C:S Z:I"}},
    {"what the server knows is not parsed again",
        {A, ">2 P:select_1/b S", "=s", "=2 1 Z:I", ">2 B:/b E S",
            "=s B:/pgweir_1 E S"}},
    {"what cannot be parsed any more is not there under its own name",
        {A, ">1 P:select_2/b S", ">s 1 Z:I", "=s P:select_2/pgweir_2 S",
            "=1 1 Z:I", ">1 Q:prepare_x_as_select_1",
            "=s 3:/pgweir_1 3:/pgweir_2 S P:select_1/a S P:select_2/b S "
            "Q:prepare_x_as_select_1",
            ">s 3 3 Z:I E:42P01 Z:I 1 Z:I C:PREPARE Z:I", "=1 C:PREPARE Z:I",
            ">1 B:/b E S", "=s B:/b E S"}},
    {"not even while there is no server for it",
        {A, ">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T",
            ">2 P:select_1/b S", "=s", "=2 1 Z:I", ">2 3:/b S", "=s",
            "=2 3 Z:I", ">2 P:select_1/b S", "=2 1 Z:I", ">2 B:/b E S", "=s",
            ">1 Q:commit", ">s C:COMMIT Z:I", "=s Q:commit B:/pgweir_1 E S"}},
    {"what no server knows waits for one",
        {A, ">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T",
            ">2 P:select_2/b S", "=2", ">1 Q:commit", ">s C:COMMIT Z:I",
            "=s Q:commit P:select_2/pgweir_2 S"}},
    {"so does a name that is taken",
        {A, ">2 P:select_1/b S", "=2 1 Z:I", ">1 Q:begin", "=s Q:begin",
            ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T", ">2 P:select_1/b S", "=2"}},
    {"nor in a batch that goes on",
        {A, ">2 P:select_1/b B:/b E S", "=s B:/pgweir_1 E S", ">s 2 C:S Z:I",
            "=2 1 2 C:S Z:I"}},
    {"equal names of two clients are two statements",
        {A, ">2 P:select_2/a S", "=s P:select_2/pgweir_2 S", ">s 1 Z:I",
            "=2 1 Z:I", ">1 B:/a E S", "=s B:/pgweir_1 E S"}},
    {"a name is free again after Close, which needs no server",
        {A, ">1 3:/a S", "=s", "=1 3 Z:I", ">1 P:select_2/a S",
            "=s P:select_2/pgweir_2 S"}},
    {"a name that is taken is for the server to refuse",
        {A, ">1 P:select_2/a S", "=s P:select_2/pgweir_1 S", ">s E:42P05 Z:I",
            "=1 E:42P05 Z:I", ">1 B:/a E S", "=s B:/pgweir_1 E S"}},
    {"an unnamed statement is bound when it is known which one is there",
        {">1 P:select_1 S", "=s P:select_1 S", ">s 1 Z:I", "=1 1 Z:I",
            ">1 B:/a P:select_2 S B E S", "=s B:/a P:select_2 S",
            ">s E:26000 Z:I", "=1 E:26000 Z:I", "=s B E S", ">s 2 C:S Z:I",
            "=1 2 C:S Z:I", ">2 Q:select_3", "=s"}},
    {"a setting that changes literals waits for what comes before it",
        {">1 P:select_'x'/a S", ">s 1 Z:I", ">1 Q:begin", ">s C:BEGIN Z:T",
            "=s P:select_'x'/pgweir_1 S Q:begin",
            ">1 P:set_a.b_to_c B E P:set_datestyle_to_sql B E S",
            "=s P:set_a.b_to_c B E H", ">s 1 2 C:SET",
            "=1 1 Z:I C:BEGIN Z:T 1 2 C:SET"}},
    {"a Parse that fails defines nothing",
        {">1 P:selec/a S", "=s P:selec/pgweir_1 S", ">s E:42601 Z:I",
            "=1 E:42601 Z:I", ">1 B:/a E S", "=s B:/a E S", ">s E:26000 Z:I",
            "=1 E:26000 Z:I", ">1 P:select_1/a S", "=s P:select_1/pgweir_2 S"}},
    {"a name that nobody has defined is passed on as it is",
        {">1 B:/nope E S", "=s B:/nope E S", ">s E:26000 Z:I", "=1 E:26000 Z:I",
            ">2 Q:select_2", "=s Q:select_2"}},
    {"but never one that is like ours",
        {A, ">2 B:/pgweir_1 E S", "=s B:/pgweir_pgweir_1 E S", ">s E:26000 Z:I",
            "=2 E:26000 Z:I"}},
    {"the longest unused is closed when there are too many",
        {A, ">1 P:select_2/b S", "=s P:select_2/pgweir_2 S", ">s 1 Z:I",
            "=1 1 Z:I", ">1 B:/a E S", "=s B:/pgweir_1 E S", ">s 2 C:S Z:I",
            "=1 2 C:S Z:I", ">1 P:select_3/c S",
            "=s 3:/pgweir_2 P:select_3/pgweir_3 S", ">s 3 1 Z:I", "=1 1 Z:I"}},
    {"and prepared again when it is needed",
        {A, ">1 P:select_2/b S", ">s 1 Z:I", ">1 P:select_3/c S",
            "=s P:select_2/pgweir_2 S 3:/pgweir_1 P:select_3/pgweir_3 S",
            ">s 3 1 Z:I", "=1 1 Z:I 1 Z:I", ">1 B:/a E S",
            "=s 3:/pgweir_2 P:select_1/pgweir_1 B:/pgweir_1 E S",
            ">s 3 1 2 C:S Z:I", "=1 2 C:S Z:I"}},
    {"the error of a Parse of ours is the client's",
        {A, ">1 P:select_2/b S", ">s 1 Z:I", ">1 P:select_3/c S", ">s 3 1 Z:I",
            ">1 B:/a E S",
            "=s P:select_2/pgweir_2 S 3:/pgweir_1 P:select_3/pgweir_3 S "
            "3:/pgweir_2 P:select_1/pgweir_1 B:/pgweir_1 E S",
            "=1 1 Z:I 1 Z:I", ">s 3 E:42P01 Z:I", "=1 E:42P01 Z:I"}},
    {"an error before it takes a Parse that was answered here along",
        {A, ">2 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", "=2 C:BEGIN Z:T",
            ">2 B:/nope P:select_1/b S", "=s B:/nope S", ">s E:26000 Z:E",
            "=2 E:26000 Z:E", ">2 Q:rollback", "=s Q:rollback",
            ">s C:ROLLBACK Z:I", "=2 C:ROLLBACK Z:I", ">2 B:/b E S",
            "=s B:/b E S"}},
    {"an error before it leaves a name that was closed behind it",
        {A, ">1 B:/nope 3:/a P:select_2/a S",
            "=s B:/nope P:select_2/pgweir_2 S", ">s E:26000 Z:I",
            "=1 E:26000 Z:I", ">1 B:/a E S", "=s B:/pgweir_1 E S"}},
    {"in a failed transaction the server judges what it knows already",
        {A, ">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T",
            ">1 Q:selec", "=s Q:selec", ">s E:42601 Z:E", "=1 E:42601 Z:E",
            ">1 P:select_1/b S", "=s 3:/pgweir_1 P:select_1/pgweir_1 S",
            ">s 3 E:25P02 Z:E", "=1 E:25P02 Z:E"}},
    {"a batch waits for what the one before it defines",
        {">1 P:select_1/a S B:/a E S", "=s P:select_1/pgweir_1 S", ">s 1 Z:I",
            "=1 1 Z:I", "=s B:/pgweir_1 E S", ">s 2 C:S Z:I", "=1 2 C:S Z:I"}},
    {"and finds nothing when that failed",
        {">1 P:selec/a S B:/a E S", "=s P:selec/pgweir_1 S", ">s E:42601 Z:I",
            "=1 E:42601 Z:I", "=s B:/a E S", ">s E:26000 Z:I",
            "=1 E:26000 Z:I"}},
    {"a statement the server has lost is prepared again, unseen",
        {A, ">1 B:/a E S", "=s B:/pgweir_1 E S", ">s X:pgweir_1 Z:I", "=1",
            "=s 3:/pgweir_1 P:select_1/pgweir_1 B:/pgweir_1 E S",
            ">s 3 1 2 C:S Z:I", "=1 2 C:S Z:I"}},
    {"in a transaction its loss is told, by the client's name",
        {A, ">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T",
            ">1 B:/a E S", "=s B:/pgweir_1 E S", ">s X:pgweir_1 Z:E",
            "=1 X:a Z:E", ">1 Q:rollback", "=s Q:rollback", ">s C:ROLLBACK Z:I",
            "=1 C:ROLLBACK Z:I", ">1 B:/a E S",
            "=s 3:/pgweir_1 P:select_1/pgweir_1 B:/pgweir_1 E S"}},
    {"a plan whose result has changed is made anew, unseen",
        {A, ">1 B:/a D E S", "=s B:/pgweir_1 D E S", ">s R Z:I", "=1",
            "=s 3:/pgweir_1 P:select_1/pgweir_1 B:/pgweir_1 D E S",
            ">s 3 1 2 T D C:S Z:I", "=1 2 T D C:S Z:I"}},
    {"but not for a client that goes by an older description",
        {A, ">1 B:/a E S", "=s B:/pgweir_1 E S", ">s R Z:I", "=1 R Z:I",
            ">1 B:/a E S", "=s B:/pgweir_1 E S", ">s R Z:I", "=1 R Z:I"}},
    {"which prepares anew then, as do all who come later",
        {A, ">1 B:/a E S", "=s B:/pgweir_1 E S", ">s R Z:I", "=1 R Z:I",
            ">1 P:select_1/b S", "=s P:select_1/pgweir_2 S", ">s 1 Z:I",
            "=1 1 Z:I", ">2 P:select_1/a B:/a E S", "=s B:/pgweir_2 E S",
            ">s 2 C:S Z:I", "=2 1 2 C:S Z:I"}},
    {"not for ever",
        {A, ">1 B:/a D E S", ">s R Z:I", ">s 3 1 R Z:I", ">s 3 1 R Z:I",
            "=1 R Z:I"}},
    {"the unnamed statement is parsed again where another has been",
        {">1 P:select_1 S", "=s P:select_1 S", ">s 1 Z:I", "=1 1 Z:I",
            ">2 P:select_2 B E S", "=s P:select_2 B E S", ">s 1 2 C:S Z:I",
            "=2 1 2 C:S Z:I", ">1 B E S", "=s 3s P:select_1 B E S",
            ">s 3 1 2 C:S Z:I", "=1 2 C:S Z:I"}},
    {"and is used where it lies",
        {">1 P:select_1 S", "=s P:select_1 S", ">s 1 Z:I", "=1 1 Z:I",
            ">1 B E S", "=s B E S", ">s 2 C:S Z:I", "=1 2 C:S Z:I", ">1 B E S",
            "=s B E S"}},
    {"where another's Query has done away with it, it is parsed again",
        {">1 P:select_1 S", "=s P:select_1 S", ">s 1 Z:I", "=1 1 Z:I",
            ">2 Q:select_2", "=s Q:select_2", ">s C:S Z:I", "=2 C:S Z:I",
            ">1 B E S", "=s 3s P:select_1 B E S", ">s 3 1 2 C:S Z:I",
            "=1 2 C:S Z:I"}},
    {"a Query does away with it",
        {">1 P:select_1 S", "=s P:select_1 S", ">s 1 Z:I", "=1 1 Z:I",
            ">1 Q:select_2", "=s Q:select_2", ">s C:S Z:I", "=1 C:S Z:I",
            ">2 P:select_2 S", "=s P:select_2 S", ">s 1 Z:I", "=2 1 Z:I",
            ">1 B E S", "=s 3s B E S", ">s 3 E:26000 Z:I", "=1 E:26000 Z:I"}},
    {"a lone Sync in a transaction is answered here",
        {">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T", ">1 S",
            "=s", "=1 Z:T"}},
};

/* As A, of what cannot be sent again. */
#define WRITE "delete_from_t_returning_1"
#define W                                                              \
	">1 P:" WRITE "/a S", "=s P:" WRITE "/pgweir_1 S", ">s 1 Z:I", \
	    "=1 1 Z:I"

/* Of a statement "a" client 1 was told the description D, and the server then
 * closed it to make room for two others. */
#define TOLD(d)                                                             \
	W, ">1 D:/a S", "=s D:/pgweir_1 S", ">s " d " Z:I", "=1 " d " Z:I", \
	    ">2 P:select_2/b S", ">s 1 Z:I", ">2 P:select_3/c S",           \
	    ">s 3 1 Z:I", "=2 1 Z:I 1 Z:I",                                 \
	    "=s P:select_2/pgweir_2 S 3:/pgweir_1 P:select_3/pgweir_3 S"

/* It is asked for again, and prepared and described first. */
#define ASKED_FOR(text) "=s 3:/pgweir_2 P:" text "/pgweir_1 D:/pgweir_1 H"
#define ASKED ASKED_FOR(WRITE)

/* Forms of rows. */
static const struct script forms[] = {
    {"who was told the form of its rows has it compared on another server",
        {TOLD("t T"), ">1 B:/a E S", ASKED, ">s 3 1 t T", "=1",
            "=s B:/pgweir_1 E S", ">s 2 D C:S Z:I", "=1 2 D C:S Z:I",
            ">1 B:/a E S", "=s B:/pgweir_1 E S"}},
    {"and gets PostgreSQL's error when it is another there",
        {TOLD("t T"), ">1 B:/a E S", ASKED, ">s 3 1 t T:other", "=1",
            "=s B:/pgweir_changed E S", ">s X:pgweir_changed Z:I", "=1 J Z:I",
            ">1 B:/a E S", "=s B:/pgweir_changed E S",
            ">s X:pgweir_changed Z:I", "=1 J Z:I"}},
    {"and who then prepares it anew has it with that form on every server",
        {TOLD("t T"), ">1 B:/a E S", ASKED, ">s 3 1 t T:other", "=1",
            "=s B:/pgweir_changed E S", ">s X:pgweir_changed Z:I", "=1 J Z:I",
            ">1 P:" WRITE "/b S", "=s 3:/pgweir_3 P:" WRITE "/pgweir_4 S"}},
    {"until it has asked again",
        {TOLD("t T"), ">1 B:/a E S", ">s 3 1 t T:other",
            ">s X:pgweir_changed Z:I", "=1 J Z:I", ">1 D:/a S",
            ">s t T:other Z:I", "=1 t T:other Z:I",
            "=s 3:/pgweir_2 P:" WRITE
            "/pgweir_1 D:/pgweir_1 H B:/pgweir_changed "
            "E S D:/pgweir_1 S",
            ">1 B:/a E S", "=s B:/pgweir_1 E S"}},
    {"rows where there were none are another form, too",
        {TOLD("t n"), ">1 B:/a E S", ASKED, ">s 3 1 t T",
            "=s B:/pgweir_changed E S", ">s X:pgweir_changed Z:I", "=1 J Z:I"}},
    {"who asks in the same batch need not wait",
        {TOLD("t T"), ">1 B:/a D E S",
            "=s 3:/pgweir_2 P:" WRITE "/pgweir_1 B:/pgweir_1 D E S",
            ">s 3 1 2 T:other D C:S Z:I", "=1 2 T:other D C:S Z:I"}},
    {"nor who was told nothing",
        {W, ">2 P:select_2/b S", ">s 1 Z:I", ">2 P:select_3/c S", ">s 3 1 Z:I",
            "=2 1 Z:I 1 Z:I",
            "=s P:select_2/pgweir_2 S 3:/pgweir_1 P:select_3/pgweir_3 S",
            ">1 B:/a E S",
            "=s 3:/pgweir_2 P:" WRITE "/pgweir_1 B:/pgweir_1 E S"}},
    {"what a portal's description told counts",
        {W, ">1 B:/a D E S", ">s 2 T D C:S Z:I", "=1 2 T D C:S Z:I",
            "=s B:/pgweir_1 D E S", ">2 P:select_2/b S", ">s 1 Z:I",
            ">2 P:select_3/c S", ">s 3 1 Z:I", "=2 1 Z:I 1 Z:I",
            "=s P:select_2/pgweir_2 S 3:/pgweir_1 P:select_3/pgweir_3 S",
            ">1 B:/a E S", ASKED, ">s 3 1 t T:other",
            "=s B:/pgweir_changed E S", ">s X:pgweir_changed Z:I", "=1 J Z:I"}},
    {"in a transaction it fails with the request",
        {TOLD("t T"), ">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T",
            "=1 C:BEGIN Z:T", ">1 B:/a E S", ASKED, ">s 3 1 t T:other",
            "=s B:/pgweir_changed E S", ">s X:pgweir_changed Z:E", "=1 J Z:E"}},
    {"a parameter keeps the type it was described with",
        {TOLD("t:23 T"), ">1 B:/a E S", ASKED, ">s 3 1 t:20 T", "=1",
            "=s 3:/pgweir_3 P:" WRITE "/pgweir_4*23 D:/pgweir_4 H",
            ">s 3 1 t:23 T", "=s B:/pgweir_4 E S", ">s 2 D C:S Z:I",
            "=1 2 D C:S Z:I", ">1 B:/a E S", "=s B:/pgweir_4 E S"}},
    {"the rows must be the same then, too",
        {TOLD("t:23 T"), ">1 B:/a E S", ">s 3 1 t:20 T:other",
            ">s 3 1 t:23 T:other", ">s X:pgweir_changed Z:I", "=1 J Z:I"}},
    {"a description that never came tells nothing",
        {W, ">1 D:/a S", "=s D:/pgweir_1 S", ">s E:57014 Z:I", "=1 E:57014 Z:I",
            ">1 B:/a E S", "=s B:/pgweir_1 E S"}},
    {"what cannot be prepared any more is the client's error",
        {TOLD("t T"), ">1 B:/a E S", ASKED, ">s 3 E:42P01", "=s B:/a E S",
            ">s Z:I", "=1 E:42P01 Z:I"}},
};

/* The same of reads, which do not wait. */
#define READ_TOLD(d)                                                        \
	A, ">1 D:/a S", "=s D:/pgweir_1 S", ">s " d " Z:I", "=1 " d " Z:I", \
	    ">2 P:select_2/b S", ">s 1 Z:I", ">2 P:select_3/c S",           \
	    ">s 3 1 Z:I", "=2 1 Z:I 1 Z:I",                                 \
	    "=s P:select_2/pgweir_2 S 3:/pgweir_1 P:select_3/pgweir_3 S"
#define AHEAD "=s 3:/pgweir_2 P:select_1/pgweir_1 D:/pgweir_1 B:/pgweir_1 E S"

static const struct script ahead[] = {
    {"a read goes along with the question for its form",
        {READ_TOLD("t T"), ">1 B:/a E S", AHEAD, ">s 3 1 t T 2 D C:S Z:I",
            "=1 2 D C:S Z:I", ">1 B:/a E S", "=s B:/pgweir_1 E S"}},
    {"and is refused when that is another",
        {READ_TOLD("t T"), ">1 B:/a E S", AHEAD, ">s 3 1 t T:other 2 D C:S Z:I",
            "=1", "=s B:/pgweir_changed E S", ">s X:pgweir_changed Z:I",
            "=1 J Z:I"}},
    {"one of several waits, for another may have answered",
        {READ_TOLD("t T"), ">1 B:/a E B:/a E S", ASKED_FOR("select_1"),
            ">s 3 1 t T", "=s B:/pgweir_1 E B:/pgweir_1 E S",
            ">s 2 D C:S 2 D C:S Z:I", "=1 2 D C:S 2 D C:S Z:I"}},
    {"what comes behind it waits, for it may be sent again",
        {READ_TOLD("t T"), ">1 B:/a E S Q:select_9", AHEAD,
            ">s 3 1 t T:other 2 D C:S Z:I", "=1",
            "=s B:/pgweir_changed E S Q:select_9",
            ">s X:pgweir_changed Z:I C:S Z:I", "=1 J Z:I C:S Z:I"}},
    {"with other types of parameters it is run again",
        {READ_TOLD("t:23 T"), ">1 B:/a E S", AHEAD, ">s 3 1 t:20 T 2 D C:S Z:I",
            "=1", "=s 3:/pgweir_3 P:select_1/pgweir_4*23 D:/pgweir_4 H",
            ">s 3 1 t:23 T", "=s B:/pgweir_4 E S", ">s 2 D C:S Z:I",
            "=1 2 D C:S Z:I"}},
    {"so does the unnamed statement",
        {">1 P:select_1 Ds S", "=s P:select_1 Ds S", ">s 1 t T Z:I",
            "=1 1 t T Z:I", ">2 Q:select_2", "=s Q:select_2", ">s C:S Z:I",
            "=2 C:S Z:I", ">1 B E S", "=s 3s P:select_1 Ds B E S",
            ">s 3 1 t T 2 D C:S Z:I", "=1 2 D C:S Z:I"}},
    {"which is refused when it is another",
        {">1 P:select_1 Ds S", "=s P:select_1 Ds S", ">s 1 t T Z:I",
            "=1 1 t T Z:I", ">2 Q:select_2", "=s Q:select_2", ">s C:S Z:I",
            "=2 C:S Z:I", ">1 B E S", "=s 3s P:select_1 Ds B E S",
            ">s 3 1 t T:other 2 D C:S Z:I", "=1", "=s B:/pgweir_changed E S",
            ">s X:pgweir_changed Z:I", "=1 J Z:I", ">1 Ds S",
            "=s 3s P:select_1 Ds S", ">s 3 1 t T:other Z:I", ">1 B E S",
            "=s B E S"}},
    {"or waits, if it is no read",
        {">1 P:" WRITE " Ds S", "=s P:" WRITE " Ds S", ">s 1 t:23 T Z:I",
            "=1 1 t:23 T Z:I", ">2 Q:select_2", "=s Q:select_2", ">s C:S Z:I",
            "=2 C:S Z:I", ">1 B E S", "=s 3s P:" WRITE "*23 Ds H",
            ">s 3 1 t:23 T", "=s B E S", ">s 2 D C:S Z:I", "=1 2 D C:S Z:I"}},
    {"and does neither if it has no rows",
        {">1 P:delete_from_t Ds S", "=s P:delete_from_t Ds S", ">s 1 t n Z:I",
            "=1 1 t n Z:I", ">2 Q:select_2", "=s Q:select_2", ">s C:S Z:I",
            "=2 C:S Z:I", ">1 B E S", "=s 3s P:delete_from_t B E S"}},
};

/* What the server has though it should not. */
static const struct script found[] = {
    {"a statement found on the server is closed and prepared anew, unseen",
        {">1 P:select_1/a S", "=s P:select_1/pgweir_1 S", ">s E:42P05 Z:I",
            "=1", "=s 3:/pgweir_1 P:select_1/pgweir_1 S", ">s 3 1 Z:I",
            "=1 1 Z:I"}},
    {"in front of a Bind, too",
        {A, ">2 P:select_2/b S", ">s 1 Z:I", ">2 P:select_3/c S", ">s 3 1 Z:I",
            "=2 1 Z:I 1 Z:I",
            "=s P:select_2/pgweir_2 S 3:/pgweir_1 P:select_3/pgweir_3 S",
            ">1 B:/a E S", "=s 3:/pgweir_2 P:select_1/pgweir_1 B:/pgweir_1 E S",
            ">s 3 E:42P05 Z:I", "=1",
            "=s 3:/pgweir_1 P:select_1/pgweir_1 B:/pgweir_1 E S",
            ">s 3 1 2 C:S Z:I", "=1 2 C:S Z:I"}},
    {"in a transaction it is told, and mended by the next",
        {">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T",
            ">1 P:select_1/a S", "=s P:select_1/pgweir_1 S", ">s E:42P05 Z:E",
            "=1 E:42P05 Z:E", ">1 Q:rollback", "=s Q:rollback",
            ">s C:ROLLBACK Z:I", "=1 C:ROLLBACK Z:I", ">1 P:select_1/a S",
            "=s 3:/pgweir_1 P:select_1/pgweir_1 S"}},
    {"what a batch defines is not defined when it is sent again",
        {A, ">2 P:select_1/b D:/b S", "=s D:/pgweir_1 S", ">s t R Z:I", "=2",
            "=s P:select_1/pgweir_2 D:/pgweir_2 S", ">s 1 t T Z:I",
            "=2 1 t T Z:I"}},
};

static void
run(const struct script *script, bool slowly)
{
	struct stage stage;

	stage_open_single(&stage, script->label, config_text, slowly);
	for (int i = 0; i < STEPS_MAX && script->steps[i] != NULL; i++) {
		stage_run(&stage, script->steps[i]);
	}
	stage_close(&stage);
}

START_TEST(scripts_hold_at_once)
{
	run(&scripts[_i], false);
}
END_TEST

START_TEST(scripts_hold_byte_by_byte)
{
	run(&scripts[_i], true);
}
END_TEST

START_TEST(forms_are_compared_at_once)
{
	run(&forms[_i], false);
}
END_TEST

START_TEST(forms_are_compared_byte_by_byte)
{
	run(&forms[_i], true);
}
END_TEST

START_TEST(reads_run_ahead_at_once)
{
	run(&ahead[_i], false);
}
END_TEST

START_TEST(reads_run_ahead_byte_by_byte)
{
	run(&ahead[_i], true);
}
END_TEST

START_TEST(what_is_found_is_mended_at_once)
{
	run(&found[_i], false);
}
END_TEST

START_TEST(what_is_found_is_mended_byte_by_byte)
{
	run(&found[_i], true);
}
END_TEST

/* What a client sends to a server that is gone, of which nobody knows yet. */
static const char *const last_words[] = {
    "Q:select_1",
    "Q:set_a.b_to_c",
    "Q:reset_all",
    "Q:deallocate_a",
    "Q:prepare_x_as_select_1",
    "B:/a E S",
    "B:/a",
    "D:/a H",
    "P:select_2/b B:/b E S Q:select_3",
    "P:select_2 B E S B E S",
    "P:select_2/b H B:/b E S",
    "P:select_2/b P:select_3/c P:select_4/d B:/b B:/c B:/d B:/a B:/b E S",
    "3:/a S P:select_1/a S",
    "Q:begin B:/a E S Q:set_a.b_to_c Q:commit X",
    "B:/a E S X",
    "X",
};

/* BEFORE, if not NULL, is a step that leaves something owed. */
static void
lose_server(int index, const char *before, bool slowly)
{
	struct stage stage;
	struct peer *server;
	struct buf step = {0};

	stage_open_single(&stage, last_words[index], config_text, slowly);
	stage_run(&stage, ">1 P:select_1/a S");
	stage_run(&stage, ">s 1 Z:I");
	stage_run(&stage, ">1 Q:begin");
	stage_run(&stage, ">s C:BEGIN Z:T");
	if (before != NULL) {
		stage_run(&stage, before);
	}
	stage_forget(&stage);
	server = &stage.house.servers[0];
	server->ended = true; /* no event tells of it */
	buf_printf(&step, ">1 %s", last_words[index]);
	stage_run(&stage, buf_text(&step));
	buf_fini(&step);
	peer_end(&stage.house, server);
	ck_assert_ptr_null(server->stream);
	ck_assert_ptr_null(stage.clients[0]->stream);
	/* Nobody else is touched. */
	ck_assert_ptr_nonnull(stage.clients[1]->stream);
	stage_forget(&stage);
	stage_close(&stage);
}

START_TEST(a_server_gone_amid_a_write_ends_its_client_alone)
{
	lose_server(_i, NULL, false);
	lose_server(_i, NULL, true);
}
END_TEST

START_TEST(a_server_gone_with_much_owed_ends_its_client_alone)
{
	lose_server(_i, ">1 P:select_7/g B:/g E S", false);
	lose_server(_i, ">1 P:select_7/g B:/g E", false);
	lose_server(_i, ">1 Q:set_a.b_to_d", false);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("prepare");
	TCase *theme = tcase_create("scripts");
	int count = (int)(sizeof(scripts) / sizeof(scripts[0]));

	tcase_set_timeout(theme, 60);
	tcase_add_loop_test(theme, scripts_hold_at_once, 0, count);
	tcase_add_loop_test(theme, scripts_hold_byte_by_byte, 0, count);
	count = (int)(sizeof(forms) / sizeof(forms[0]));
	tcase_add_loop_test(theme, forms_are_compared_at_once, 0, count);
	tcase_add_loop_test(theme, forms_are_compared_byte_by_byte, 0, count);
	count = (int)(sizeof(ahead) / sizeof(ahead[0]));
	tcase_add_loop_test(theme, reads_run_ahead_at_once, 0, count);
	tcase_add_loop_test(theme, reads_run_ahead_byte_by_byte, 0, count);
	count = (int)(sizeof(found) / sizeof(found[0]));
	tcase_add_loop_test(theme, what_is_found_is_mended_at_once, 0, count);
	tcase_add_loop_test(
	    theme, what_is_found_is_mended_byte_by_byte, 0, count);
	count = (int)(sizeof(last_words) / sizeof(last_words[0]));
	tcase_add_loop_test(
	    theme, a_server_gone_amid_a_write_ends_its_client_alone, 0, count);
	tcase_add_loop_test(theme,
	    a_server_gone_with_much_owed_ends_its_client_alone, 0, count);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
