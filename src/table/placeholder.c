/* table */ typedef int table_placeholder;
