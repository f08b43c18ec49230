"""The production workflow for catalogues of resolved stars: functions that take and return tables, grids, files."""
