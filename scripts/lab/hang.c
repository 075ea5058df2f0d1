/* Hangs the kernel for good: every processor stands in a loop with its interrupts off, and nothing is fed any more. */
#include <linux/module.h>
#include <linux/stop_machine.h>

static int forever(void *nothing)
{
	for (;;)
		cpu_relax();
	return 0;
}

static int __init hang(void)
{
	return stop_machine(forever, NULL, cpu_online_mask);
}

module_init(hang);
MODULE_LICENSE("GPL");
