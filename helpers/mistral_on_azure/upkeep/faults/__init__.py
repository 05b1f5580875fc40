"""How the clients handle the faults of the local endpoint: measured, kept as JSON, and shown on a page.

`cookbook faults` writes two files into this folder: `clients_and_faults.json`, the measurements, and
`CLIENTS_AND_FAULTS.md`, a page made from them alone.

Read the modules in this order: `calls` (the faults, and the clients' calls), `measuring` (calls with faults), and
`faults_table` (the measurements that are kept, compared and shown).
"""
