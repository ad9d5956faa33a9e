/* together.h - what each setting allows but several together make useless. */
#ifndef CONF_TOGETHER_H
#define CONF_TOGETHER_H

struct config;
struct problems;

/* Adds to PROBLEMS what CONFIG, read from FILE, cannot work with or cannot be
 * meant. */
void together_check(
    const struct config *config, const char *file, struct problems *problems);

#endif
