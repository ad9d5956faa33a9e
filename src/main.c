/*
 * main.c - arguments, signals, start, stop; nothing else.
 */
int
main(void)
{
	return 0;
}
