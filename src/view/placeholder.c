/* view */ typedef int view_placeholder;
