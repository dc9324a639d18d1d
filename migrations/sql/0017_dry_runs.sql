select 1; -- nothing yet
