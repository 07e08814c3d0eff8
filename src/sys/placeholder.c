/* sys */ typedef int sys_placeholder;
