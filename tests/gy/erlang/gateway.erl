%% A gateway on Erlang's diameter, which drops every answer that its dictionary does not allow.
%%
%% Told on standard input what to ask, one line each: "<Session-Id> <I|U|T> <number> <rating group> <used> <apn>".
%% Says on standard output "open", then for each line the results, and "pushed <Session-Id>" for each RAR.

-module(gateway).
-mode(compile).
-export([main/1, peer_up/3, peer_down/3, pick_peer/4, prepare_request/3, handle_answer/4, handle_error/4,
         handle_request/3]).

main([Port]) ->
    {ok, [Forms]} = diameter_make:codec("gy.dia", [return, forms]),
    {ok, gy, Beam} = compile:forms(Forms, []),
    {module, gy} = code:load_binary(gy, "gy.beam", Beam),
    ok = diameter:start(),
    ok = diameter:start_service(gw, [
        {'Origin-Host', "pgw.example"}, {'Origin-Realm', "example"}, {'Vendor-Id', 0}, {'Product-Name', "erlang"},
        {'Auth-Application-Id', [4]}, {decode_format, map}, {string_decode, false},
        {application, [{alias, gy}, {dictionary, gy}, {module, ?MODULE}, {answer_errors, report}]}]),
    diameter:subscribe(gw),
    {ok, _} = diameter:add_transport(gw, {connect, [
        {transport_module, diameter_tcp},
        {transport_config, [{raddr, {127, 0, 0, 1}}, {rport, list_to_integer(Port)}, {reuseaddr, true}]},
        {connect_timer, 1000}]}),
    receive {diameter_event, gw, {up, _, _, _, _}} -> say("open")
    after 10000 -> say("no connection"), halt(1) end,
    converse().

converse() ->
    case io:get_line("") of
        eof -> diameter:stop_service(gw), halt(0);
        Line -> say(ask(string:lexemes(string:trim(Line), " "))), converse()
    end.

ask([Session, Kind, Number, RatingGroup, Used, Apn]) ->
    Type = case Kind of "I" -> 1; "U" -> 2; "T" -> 3 end,
    Asked = case Type of 3 -> #{}; _ -> #{'Requested-Service-Unit' => #{}} end,
    Spent = case Used of "-" -> #{}; _ -> #{'Used-Service-Unit' => [#{'CC-Total-Octets' => list_to_integer(Used)}]} end,
    Service = (maps:merge(Asked, Spent))#{'Rating-Group' => list_to_integer(RatingGroup)},
    Ccr = ['CCR' | #{
        'Session-Id' => list_to_binary(Session), 'Auth-Application-Id' => 4, 'Destination-Realm' => <<"example">>,
        'Service-Context-Id' => <<"32251@3gpp.org">>, 'CC-Request-Type' => Type,
        'CC-Request-Number' => list_to_integer(Number),
        'Subscription-Id' => [#{'Subscription-Id-Type' => 1, 'Subscription-Id-Data' => <<"001010000000001">>}],
        'Multiple-Services-Credit-Control' => [Service],
        'Service-Information' => #{'PS-Information' => #{'Called-Station-Id' => list_to_binary(Apn)}}}],
    result(diameter:call(gw, gy, Ccr, [{timeout, 5000}])).

result(['CCA' | #{'Result-Code' := Code} = Cca]) ->
    Services = [service(S) || S <- maps:get('Multiple-Services-Credit-Control', Cca, [])],
    lists:join(" ", [integer_to_list(Code) | Services]);
result(['answer-message' | #{'Result-Code' := Code}]) -> ["error ", integer_to_list(Code)];
result(Other) -> io_lib:format("~0p", [Other]).

service(S) ->
    Granted = case one('Granted-Service-Unit', S) of none -> none; Units -> one('CC-Total-Octets', Units) end,
    io_lib:format("~w:~w:~w", [one('Rating-Group', S), one('Result-Code', S), Granted]).

%% An AVP that occurs at most once.
one(Name, Avps) ->
    case maps:get(Name, Avps, []) of [Value] -> Value; [] -> none end.

say(What) -> io:format("~s~n", [What]).

peer_up(_, _, State) -> State.
peer_down(_, _, State) -> State.
pick_peer([Peer | _], _, _, _) -> {ok, Peer}.

prepare_request({diameter_packet, _, _, ['CCR' | Ccr], _, _, _} = Packet, _, {_, Capabilities}) ->
    {Host, _} = element(2, Capabilities),
    {Realm, _} = element(3, Capabilities),
    {send, setelement(4, Packet, ['CCR' | Ccr#{'Origin-Host' => Host, 'Origin-Realm' => Realm}])}.

handle_answer({diameter_packet, _, _, Answer, _, [], _}, _, _, _) -> Answer;
handle_answer({diameter_packet, _, _, _, _, Errors, _}, _, _, _) -> {bad_answer, Errors}.

handle_error(Reason, _, _, _) -> {error, Reason}.

handle_request({diameter_packet, _, _, ['RAR' | #{'Session-Id' := Session}], _, [], _}, _, {_, Capabilities}) ->
    say(["pushed ", Session]),
    {Host, _} = element(2, Capabilities),
    {Realm, _} = element(3, Capabilities),
    {reply, ['RAA' | #{'Session-Id' => Session, 'Result-Code' => 2001, 'Origin-Host' => Host,
                       'Origin-Realm' => Realm}]};
handle_request(_, _, _) -> {protocol_error, 3001}.
