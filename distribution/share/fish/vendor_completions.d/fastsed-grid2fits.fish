complete -c fastsed-grid2fits -s h -l help -d 'show this help message and exit'
complete -c fastsed-grid2fits -s o -l output -r -d 'name of the table (default: FILE and a suffix)'
complete -c fastsed-grid2fits -l format -x -a 'fits hdf5 parquet' -d 'default: what the suffix of OUT says; fits without one'
complete -c fastsed-grid2fits -l version -d 'show program\'s version number and exit'
