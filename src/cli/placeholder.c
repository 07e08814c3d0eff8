/* cli */ typedef int cli_placeholder;
