/* ledger */ typedef int ledger_placeholder;
