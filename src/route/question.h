/* question.h - what the monitor asks a node, and what the answer says. */
#ifndef ROUTE_QUESTION_H
#define ROUTE_QUESTION_H

#include <stdbool.h>

struct node_report;

/* From the best to what any server can answer; where one is refused for lack
 * of rights or functions, the next is tried. */
enum question {
	QUESTION_FULL,   /* with system identifier and timeline of replicas */
	QUESTION_PLAIN,  /* without the control file */
	QUESTION_MINIMAL /* without positions */
};

#define QUESTION_COLUMNS 6

/* One statement that answers in one row of QUESTION_COLUMNS texts. */
const char *question_sql(enum question question);

/* Moves *QUESTION to the next one; false if there is none. */
bool question_weaken(enum question *question);

/* Fills REPORT but for .question from the row VALUES (NULL: SQL NULL); false
 * if it makes no sense. */
bool question_read(
    const char *const values[QUESTION_COLUMNS], struct node_report *report);

#endif
