using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Processes;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using static Softswitch.Commands.OfctlSession;

namespace Softswitch.Commands;

/// <summary>The sub-commands of <see cref="OfctlCommand"/> that send and watch packets and messages.</summary>
internal static class OfctlPackets
{
    private const int PingCount = 10;
    private const int DefaultPingSize = 64;

    public static void AddTo(Command parent)
    {
        Argument<string[]> words = new("words")
        {
            Description = "IN_PORT ACTIONS PACKET... with packets in hexadecimal, or in_port=PORT,packet=HEX,actions=ACTIONS",
            Arity = ArgumentArity.OneOrMore,
        };
        Add(parent, new Command("packet-out", "Have the switch send packets.") { words }, (client, parsed) =>
            SendPackets(client, parsed.GetRequiredValue(words)));

        Add(parent, new Command("barrier", "Wait until the switch has done everything asked of it."), static (client, _) => Finish(client, null));
        Add(parent, new Command("probe", "Find out whether the switch answers."), static (client, _) =>
            client.TryEcho(ReadOnlyMemory<byte>.Empty) ? Done : ReportErrors(client, null));

        Argument<int> size = new("size") { Description = "Bytes of an echo request.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => DefaultPingSize };
        Add(parent, new Command("ping", "Measure the time of ten echo requests.") { size }, (client, parsed) => Ping(client, parsed.GetValue(size)));

        Argument<string> missLength = OptionalText("miss_len", "Bytes of packets without a flow that the switch is to send here.");
        Add(parent, new Command("monitor", "Print messages from the switch until interrupted.") { missLength }, (client, parsed) =>
            Monitor(client, parsed.GetValue(missLength)));
    }

    private static int SendPackets(OfClient client, string[] words)
    {
        if (words.Length == 2)
        {
            return Fail("packet-out: IN_PORT ACTIONS PACKET... or in_port=PORT,packet=HEX,actions=ACTIONS is needed");
        }
        PortNames names = NamesOf(client);
        if (words.Length == 1)
        {
            if (!PacketOutSyntax.TryParse(words[0], names, out ParsedPacketOut packetOut, out string problem))
            {
                return Fail(problem);
            }
            client.Send(packetOut.ToPacketOut());
            return Finish(client, _ => "the packet-out");
        }
        if (!names.TryParse(words[0], out ushort inPort))
        {
            return Fail($"in_port: '{words[0]}' is neither a port number nor the name of a port");
        }
        if (!ActionSyntax.TryParse(words[1], names, out FlowAction[] actions, out string error))
        {
            return Fail(error);
        }
        List<byte[]> packets = [];
        foreach (string word in words.AsSpan(2))
        {
            if (!PacketOutSyntax.TryParsePacket(word, out byte[] packet, out error))
            {
                return Fail(error);
            }
            packets.Add(packet);
        }
        packets.ForEach(p => client.Send(new PacketOut { InPort = inPort, Actions = actions, Data = p }));
        return Finish(client, _ => "the packet-out");
    }

    private static int Ping(OfClient client, int size)
    {
        if (size is < 0 or > OfHeader.MaxMessageLength - OfHeader.Size)
        {
            return Fail($"ping: size {size} is not from 0 to {OfHeader.MaxMessageLength - OfHeader.Size}");
        }
        byte[] body = new byte[size];
        Random.Shared.NextBytes(body);
        for (int i = 0; i < PingCount; i++)
        {
            long start = Stopwatch.GetTimestamp();
            if (!client.TryEcho(body))
            {
                return client.ErrorCount > 0 ? ReportErrors(client, null) : Fail($"{client.Target}: the echo reply's body is not that of the request");
            }
            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            Console.WriteLine($"{size} bytes from {client.Target}: xid={client.LastXid:x8} time={milliseconds:0.0} ms");
        }
        return Done;
    }

    private static int Monitor(OfClient client, string? missLength)
    {
        using TerminationSignal end = new();
        if (missLength is not null)
        {
            if (!ushort.TryParse(missLength, NumberStyles.None, CultureInfo.InvariantCulture, out ushort length))
            {
                return Fail($"miss_len: '{missLength}' is not a number from 0 to 65535");
            }
            if (!client.TryReadConfig(out SwitchConfig config))
            {
                return ReportErrors(client, null);
            }
            client.Send((buffer, xid) => ConfigMessage.WriteSet(buffer, xid, config with { MissSendLength = length }));
            if (Finish(client, null) is var result and not Done)
            {
                return result;
            }
        }
        client.OnMessage = static message =>
        {
            Console.Out.Write(MessageText.Format(message));
            Console.Out.Flush();
        };
        client.Monitor(end.Token);
        return Done;
    }
}
