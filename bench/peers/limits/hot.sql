update limits.hot set qty = qty + 1 where hot_id = 1;
