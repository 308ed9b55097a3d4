-- Asks Portcullis about a request, and either tells the app who asks or answers the refusal: docs/forward-auth.md
local url = os.getenv("PORTCULLIS") or "http://127.0.0.1:9191/"
-- What the gate says of the caller; an empty one is removed, so that a client's own never reaches the app.
local identity = {
    "x-forwarded-user", "x-forwarded-preferred-username", "x-forwarded-email", "x-forwarded-groups", "x-request-id",
}
-- Of the connection to the client, not of the request.
local of_the_hop = { "host", "connection", "content-length", "transfer-encoding", "upgrade", "expect", "te", "keep-alive" }

local function ask(txn)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        headers[name] = {}
        for index = 0, #values do table.insert(headers[name], values[index]) end
    end
    for _, name in ipairs(of_the_hop) do headers[name] = nil end
    headers["x-forwarded-method"] = { txn.f:method() }
    headers["x-forwarded-uri"] = { txn.f:pathq() }
    return core.httpclient():get { url = url, headers = headers, timeout = 5000 }
end

core.register_action("portcullis", { "http-req" }, function(txn)
    local answer = ask(txn)
    if answer and answer.status == 200 then
        for _, name in ipairs(identity) do
            local value = answer.headers[name] and answer.headers[name][0] or ""
            if value == "" then txn.http:req_del_header(name) else txn.http:req_set_header(name, value) end
        end
        return
    end
    local reply = txn:reply { status = answer and answer.status >= 300 and answer.status or 503 }
    for _, name in ipairs { "location", "www-authenticate", "content-type", "retry-after", "x-portcullis-error" } do
        local values = answer and answer.headers and answer.headers[name]
        if values then
            for index = 0, #values do reply:add_header(name, values[index]) end
        end
    end
    reply:set_body(answer and answer.body or "")
    txn:done(reply)
end)
