using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Scenarios.Controllers;

/// <summary>A message that a switch refused.</summary>
internal sealed record Refusal(ulong Switch, uint Xid, OfError Error)
{
    public override string ToString() => $"{Switch:x}: {Error.Name}";
}

/// <summary>What the papers' controllers have in common: state that others read, changes that switches confirm, ARP that comes to them.</summary>
internal abstract class ScenarioController(string name) : OfController(new ControllerOptions { Name = name })
{
    private readonly List<Refusal> _refusals = [];

    /// <summary>For people.</summary>
    public string Name { get; } = name;

    /// <summary>What switches refused, in its order.</summary>
    public IReadOnlyList<Refusal> Refusals => Read(() => _refusals.ToArray());

    /// <summary>Reads what handlers write.</summary>
    protected T Read<T>(Func<T> read)
    {
        lock (HandlerLock)
        {
            return read();
        }
    }

    protected override void OnError(SwitchConnection from, uint xid, OfError error) => _refusals.Add(new Refusal(from.DatapathId, xid, error));

    /// <exception cref="TestbedException">The switch is not connected.</exception>
    protected SwitchConnection Get(ulong datapathId) => Find(datapathId) ?? throw new TestbedException($"{Name}: switch {datapathId:x} is not connected");

    /// <summary>Sends what was said outside a handler.</summary>
    protected void FlushSwitches()
    {
        foreach (SwitchConnection one in Switches)
        {
            one.Flush();
        }
    }

    /// <summary>Changes switches, each flushed at once, so that one works while the next is written to, and goes on when all have confirmed.</summary>
    /// <param name="asks">Whether they are asked to confirm; else they are taken to have done what was written to them.</param>
    /// <param name="change">Sends the changes to one.</param>
    /// <param name="then">Gets when each had confirmed, in the order given; under <see cref="OfController.HandlerLock"/> where they are asked.</param>
    public static void Change(
        IReadOnlyList<SwitchConnection> switches, bool asks, Action<SwitchConnection> change, Action<IReadOnlyList<long>> then)
    {
        long[] doneAt = new long[switches.Count];
        int missing = doneAt.Length;
        for (int i = 0; i < doneAt.Length; i++)
        {
            int place = i;
            change(switches[i]);
            if (asks)
            {
                switches[i].Barrier(when =>
                {
                    doneAt[place] = when;
                    if (--missing == 0) // under the lock, as all of them
                    {
                        then(doneAt);
                    }
                });
            }
            switches[i].Flush();
            if (!asks)
            {
                doneAt[i] = Stopwatch.GetTimestamp();
            }
        }
        if (!asks || doneAt.Length == 0)
        {
            then(doneAt);
        }
    }

    /// <summary>Has a switch send up ARP and RARP whole.</summary>
    protected static void UploadArp(SwitchConnection from)
    {
        from.Send("arp,actions=CONTROLLER:65535");
        from.Send("rarp,actions=CONTROLLER:65535");
    }

    /// <summary>Whether the sender is a host, whose address it tells.</summary>
    protected static bool IsFromHost(in ArpMessage arp) => Ipv4Text.IsUnicast(arp.Sender) && !arp.SenderHardware.IsMulticast;

    protected static void SendArp(SwitchConnection to, ushort port, MacAddress destination, ArpMessage arp) =>
        SendFrame(to, port, arp.ToFrame(destination));

    /// <summary>Answers a request: the address that it asks for has this Ethernet address.</summary>
    protected static void AnswerArp(SwitchConnection to, ushort port, in ArpMessage request, MacAddress answer) => SendArp(
        to, port, request.SenderHardware, new ArpMessage(ArpMessage.Reply, answer, request.Target, request.SenderHardware, request.Sender));

    protected static void SendFrame(SwitchConnection to, ushort port, ReadOnlySpan<byte> frame) =>
        to.Send(new PacketOut { Actions = (FlowAction[])[FlowAction.Output(port)], Data = frame });
}
