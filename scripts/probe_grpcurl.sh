#!/usr/bin/env bash
# What an integrator types first, typed against a real server: grpcurl with no file at hand.
cd "$(dirname "$0")/.."
. scripts/server.sh

scripts/tools.sh grpcurl
grpcurl=$PWD/target/tools/bin/grpcurl
build_castle
start_server
invite 1
host=${url#http://}

expect() { # WHAT TEXT SAID
  case $3 in *"$2"*) echo "  $1" ;; *) printf '%s\n' "$3" >&2; fail "$1: no \`$2\` in the above" "$room/server.err" ;; esac
}

call() { "$grpcurl" -plaintext -max-time 10 "$@" 2>&1 || true; }

echo "Reflection"
services=$(call "$host" list)
for service in castle.v1.CastleService castle.v1.AdminService grpc.health.v1.Health; do
  expect "lists $service" "$service" "$services"
done
expect "describes with comments" "Logs in with name and password" "$(call "$host" describe castle.v1.CastleService.Login)"
expect "describes messages" "string invitation_code = 1" "$(call "$host" describe castle.v1.RegisterRequest)"
expect "is healthy" SERVING "$(call -d '{"service":"castle.v1.CastleService"}' "$host" grpc.health.v1.Health/Check)"

echo "Accounts"
service=castle.v1.CastleService
registered=$(call -d "{\"invitation_code\":\"$invitation\",\"name\":\"ada\",\"password\":\"correct horse battery\"}" "$host" $service/Register)
expect "registers" '"refreshToken"' "$registered"
expect "logs in" '"accessToken"' "$(call -d '{"name":"ada","password":"correct horse battery"}' "$host" $service/Login)"
wrong=$(call -d '{"name":"ada","password":"not the password"}' "$host" $service/Login)
expect "says why not: the reason" '"reason": "BAD_CREDENTIALS"' "$wrong"
expect "says why not: the domain" '"domain": "castle"' "$wrong"
token=$(printf '%s\n' "$registered" | field accessToken)
auth=(-H "authorization: Bearer $token")

echo "Admins"
admin=castle.v1.AdminService
expect "a guest is no admin" '"reason": "PERMISSION_DENIED"' "$(call "${auth[@]}" -d '{}' "$host" $admin/ListAccounts)"
"$castle_server" guest grant-admin ada --data-dir "$room/data" >"$room/granted.out"
made=$(call "${auth[@]}" -d '{"uses":3,"note":"from grpcurl"}' "$host" $admin/CreateInvitation)
expect "an admin invites" '"invitationId": "inv_' "$made"
expect "and lists" '"note": "from grpcurl"' "$(call "${auth[@]}" -d '{}' "$host" $admin/ListInvitations)"
expect "is told what is wrong" '"field": "uses"' "$(call "${auth[@]}" -d '{"uses":10001}' "$host" $admin/CreateInvitation)"
expect "the last admin stays" '"reason": "LAST_ADMIN"' "$(call "${auth[@]}" -d '{"account":{"name":"ada"}}' "$host" $admin/BanGuest)"
expect "and reads the log" '"action": "SetRole"' "$(call "${auth[@]}" -d '{}' "$host" $admin/ListAuditEntries)"
expect "blocks nobody unknown" '"reason": "GUEST_UNKNOWN"' \
  "$(call "${auth[@]}" -d '{"guest_id":"gst_00000000000000000000000000000000"}' "$host" $service/Block)"

echo "Signal, with JSON lines"
said=$(printf '%s\n' '{"hello":{"protocol_version":1,"client_name":"grpcurl"}}' \
  '{"request_id":"r1","place_call":{"name":"nobody-there"}}' '{"bye":{}}' |
  call "${auth[@]}" -d @ "$host" $service/Signal)
expect "is welcomed" '"resumeToken"' "$said"
expect "hears that nobody is there" ERROR_REASON_PEER_UNAVAILABLE "$said"
expect "in reply to its request" '"inReplyTo": "r1"' "$said"
expect "must say hello first" HELLO_EXPECTED "$(call "${auth[@]}" -d '{"place_call":{"name":"x"}}' "$host" $service/Signal)"
echo "As an integrator expects."
