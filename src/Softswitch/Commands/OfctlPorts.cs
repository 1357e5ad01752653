using System.CommandLine;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using static Softswitch.Commands.OfctlSession;

namespace Softswitch.Commands;

/// <summary>The sub-commands of <see cref="OfctlCommand"/> that change ports and configuration.</summary>
internal static class OfctlPorts
{
    public static void AddTo(Command parent)
    {
        Argument<string> port = new("port") { Description = "A port's number or name." };
        Argument<string[]> actions = new("action")
        {
            Description = "up, down, [no-]stp, [no-]receive, [no-]receive-stp, [no-]flood, [no-]forward or [no-]packet-in",
            Arity = ArgumentArity.OneOrMore,
        };
        Add(parent, new Command("mod-port", "Change a port's behaviour.") { port, actions }, (client, parsed) =>
            ModifyPort(client, parsed.GetRequiredValue(port), parsed.GetRequiredValue(actions)));

        Add(parent, new Command("get-frags", "Print what becomes of IP fragments."), static (client, _) =>
        {
            if (!client.TryReadConfig(out SwitchConfig config))
            {
                return ReportErrors(client, null);
            }
            Console.WriteLine(MessageText.NameOf(config.Flags));
            return Done;
        });
        Argument<string> mode = new("mode") { Description = "normal, drop or reassemble" };
        Add(parent, new Command("set-frags", "Set what becomes of IP fragments.") { mode }, (client, parsed) =>
            SetFragments(client, parsed.GetRequiredValue(mode)));
        Add(parent, new Command("queue-get-config", "Print a port's queues.") { port }, (client, parsed) =>
            TryParsePort(client, parsed.GetRequiredValue(port), PortNumber.None, out ushort number)
                ? Print(client, (buffer, xid) => QueueConfigMessage.WriteRequest(buffer, xid, number), OfType.QueueGetConfigReply)
                : Failed);
    }

    private static int ModifyPort(OfClient client, string portText, string[] actions)
    {
        PortConfig config = PortConfig.None;
        PortConfig mask = PortConfig.None;
        foreach (string action in actions)
        {
            (PortConfig bit, bool set) = ParsePortAction(action);
            if (bit == PortConfig.None)
            {
                return Fail($"mod-port: unknown action '{action}'");
            }
            config = set ? config | bit : config & ~bit;
            mask |= bit;
        }
        List<PortDescription> ports = ReadPorts(client);
        bool isKnown = new PortNames(ports).TryParse(portText, out ushort number) && ports.Exists(p => p.Number == number);
        if (!isKnown)
        {
            return Fail($"{client.Target}: there is no port '{portText}'");
        }
        // §5.3.3: the address must be the port's own, so that a port that was replaced meanwhile is not changed.
        PortDescription port = ports.Find(p => p.Number == number);
        client.Send((buffer, xid) => PortModMessage.Write(buffer, xid, new PortMod(number, port.HardwareAddress, config, mask, PortFeatures.None)));
        return Finish(client, _ => "the port-mod");
    }

    private static (PortConfig Bit, bool Set) ParsePortAction(string action) => action switch
    {
        "down" => (PortConfig.PortDown, true),
        "up" => (PortConfig.PortDown, false),
        "no-stp" => (PortConfig.NoStp, true),
        "stp" => (PortConfig.NoStp, false),
        "no-receive" => (PortConfig.NoReceive, true),
        "receive" => (PortConfig.NoReceive, false),
        "no-receive-stp" => (PortConfig.NoReceiveStp, true),
        "receive-stp" => (PortConfig.NoReceiveStp, false),
        "no-flood" => (PortConfig.NoFlood, true),
        "flood" => (PortConfig.NoFlood, false),
        "no-forward" => (PortConfig.NoForward, true),
        "forward" => (PortConfig.NoForward, false),
        "no-packet-in" => (PortConfig.NoPacketIn, true),
        "packet-in" => (PortConfig.NoPacketIn, false),
        _ => (PortConfig.None, false),
    };

    private static int SetFragments(OfClient client, string mode)
    {
        OfConfigFlags? flags = mode switch
        {
            "normal" => OfConfigFlags.FragmentsNormal,
            "drop" => OfConfigFlags.FragmentsDrop,
            "reassemble" => OfConfigFlags.FragmentsReassemble,
            _ => null,
        };
        if (flags is null)
        {
            return Fail($"set-frags: '{mode}' is not normal, drop or reassemble");
        }
        if (!client.TryReadConfig(out SwitchConfig config))
        {
            return ReportErrors(client, null);
        }
        client.Send((buffer, xid) => ConfigMessage.WriteSet(buffer, xid, config with { Flags = flags.Value }));
        if (Finish(client, _ => "the set-config") is var result and not Done)
        {
            return result;
        }
        // A switch that cannot do it says nothing: §5.3.2 has no error for it.
        return client.TryReadConfig(out SwitchConfig after) && (after.Flags & OfConfigFlags.FragmentsMask) == flags.Value
            ? Done
            : Fail($"{client.Target}: the switch does not support this treatment of fragments");
    }
}
