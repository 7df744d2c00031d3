%% A small OCS on Erlang's diameter, as somebody would write it in an afternoon: a fixed grant for whoever asks.
%%
%%     escript ocs.erl PORT          until it is killed; says "listening" when it is

-module(ocs).
-mode(compile).
-export([main/1, peer_up/3, peer_down/3, handle_request/3]).

main([Port]) ->
    {ok, [Forms]} = diameter_make:codec("ocs.dia", [return, forms]),
    {ok, ocs_gy, Beam} = compile:forms(Forms, []),
    {module, ocs_gy} = code:load_binary(ocs_gy, "ocs_gy.beam", Beam),
    ok = diameter:start(),
    ok = diameter:start_service(ocs, [
        {'Origin-Host', "ocs.erlang.example"}, {'Origin-Realm', "erlang.example"}, {'Vendor-Id', 0},
        {'Product-Name', "erlang"}, {'Auth-Application-Id', [4]}, {'Supported-Vendor-Id', [10415]},
        {decode_format, map}, {string_decode, false}, {restrict_connections, false},
        {application, [{alias, gy}, {dictionary, ocs_gy}, {module, ?MODULE}, {request_errors, answer}]}]),
    {ok, _} = diameter:add_transport(ocs, {listen, [
        {transport_module, diameter_tcp},
        {transport_config, [{ip, {127, 0, 0, 1}}, {port, list_to_integer(Port)}, {reuseaddr, true}]}]}),
    timer:sleep(100),
    io:format("listening~n"),
    receive stop -> ok end.

peer_up(_, _, State) -> State.
peer_down(_, _, State) -> State.

%% The stack puts Result-Code and Failed-AVP of what it has found wrong with a request into the answer.
handle_request({diameter_packet, _, _, ['CCR' | Ccr], _, _, _}, _, {_, Caps}) ->
    {Host, _} = element(2, Caps),
    {Realm, _} = element(3, Caps),
    Services = [service(S) || S <- maps:get('Multiple-Services-Credit-Control', Ccr, [])],
    {reply, ['CCA' | #{
        'Session-Id' => maps:get('Session-Id', Ccr, <<>>), 'Result-Code' => 2001,
        'Origin-Host' => Host, 'Origin-Realm' => Realm, 'Auth-Application-Id' => 4,
        'CC-Request-Type' => maps:get('CC-Request-Type', Ccr, 1),
        'CC-Request-Number' => maps:get('CC-Request-Number', Ccr, 0),
        'Multiple-Services-Credit-Control' => Services}]};
handle_request(_, _, _) ->
    {protocol_error, 3001}.

service(S) ->
    Named = maps:with(['Rating-Group', 'Service-Identifier'], S),
    case S of
        #{'Requested-Service-Unit' := [_]} ->
            Named#{'Result-Code' => 2001, 'Granted-Service-Unit' => #{'CC-Total-Octets' => 1000000}};
        #{} ->
            Named#{'Result-Code' => 2001}
    end.
