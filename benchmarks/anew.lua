-- For wrk: every request calls the server by another name, so that its answer has other links and no
-- page that was kept for an earlier one will do.

local number = 0

function request()
    number = number + 1
    wrk.headers["Host"] = "h" .. number .. ".example"
    return wrk.format()
end
