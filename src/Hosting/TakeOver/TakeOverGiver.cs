using System.Globalization;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.State;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Hosting.TakeOver;

/// <summary>The running switch's side of a take-over, on the thread of the control socket's client.</summary>
/// <remarks>
/// <para>
/// Nothing that the taker does or leaves undone holds this switch up for long: it is waited for without any lock until it has checked what it can; then without
/// the control lock, but with the table's turn, while it loads the table; and with workers at rest for <see cref="RestPatience"/> at most.
/// Whatever fails before its last word, this switch goes on.
/// </para>
/// <para>
/// The last word. The taker's send of it succeeds or fails, and the kernel decides which: when this side's patience is over it closes its ear first, then looks once
/// more. So both know alike whether the switch changed hands.
/// </para>
/// </remarks>
internal sealed class TakeOverGiver(IHandedOver host, DatapathControl control, ILogger log)
{
    // Milliseconds: until the taker has opened what it can; until the table is loaded, or some of it; until it goes on after the workers came to rest.
    private const int OpenPatience = 30_000;
    private const int TablePatience = 5000;
    private const int RestPatience = 2000;

    private const int MostBytesFromTaker = 4096;
    private const int EntriesChunk = 256 * 1024;

    private int _isBusy;

    /// <summary>Gives the switch to whoever asks, if it may ask and all goes well; does not throw.</summary>
    /// <param name="socket">The client's; it stays the caller's.</param>
    public void Run(int socket)
    {
        using DescriptorSocket client = DescriptorSocket.Of(socket);
        using TakeOverChannel channel = new(client, MostBytesFromTaker);
        string taker = string.Create(CultureInfo.InvariantCulture, $"pid {client.Peer.Process}");
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            channel.Fail("another process is taking it over already");
            return;
        }
        try
        {
            if (client.Peer.User != 0 && client.Peer.User != Libc.geteuid())
            {
                throw new InvalidDataException("only its own user and root may take it over");
            }
            Give(channel, client.Peer.Process, taker);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException or InvalidOperationException)
        {
            channel.Fail(e.Message);
            HostLog.Warn(log, $"take-over by {taker} failed, the switch goes on: {e.Message}");
        }
        finally
        {
            Volatile.Write(ref _isBusy, 0);
        }
    }

    private void Give(TakeOverChannel channel, int process, string taker)
    {
        object ports = Offer(channel);
        CodeWarmUp.ForGiver(control.Handover.Devices.Select(one => one.Device.GetType()).Distinct());
        channel.Expect(TakeOverMessage.Begin, OpenPatience);
        TakenThings? taken = null;
        ControlScope scope = control.Enter();
        try
        {
            control.Flows.Timeouts.IsSuspended = true;
            FlowCountSnapshot counts = SendTable(channel);
            control.Lock.Outside(() => channel.Expect(TakeOverMessage.Prepared, TablePatience));
            if (ports != control.Ports.Current)
            {
                throw new InvalidDataException("a port came or went meanwhile");
            }
            taken = Hand(channel, counts);
        }
        finally
        {
            if (taken == null)
            {
                control.Flows.Timeouts.IsSuspended = false;
                scope.Dispose();
            }
        }
        // The lock stays as it is: whatever waits for it here is answered by nobody any more, rather than twice.
        HostLog.News(log, $"handed over to {taker}");
        host.OnGiven(taken, process);
    }

    /// <returns>The ports that were offered.</returns>
    private object Offer(TakeOverChannel channel)
    {
        if (control.Handover.Obstacle is { } obstacle)
        {
            throw new NotSupportedException($"it cannot be taken over: {obstacle}");
        }
        List<OfferedPort> offers;
        object ports;
        using (control.EnterWithoutTable())
        {
            ports = control.Ports.Current;
        }
        offers = host.OfferPorts();
        try
        {
            channel.Send(TakeOverMessage.Switch, TablePatience, to =>
            {
                to.Write(control.DatapathId);
                to.Write(host.ControlPath ?? string.Empty);
                to.Write(host.Name);
                to.Write(control.Frames.FrameCount);
                to.Write(control.Frames.FrameSize);
                to.Write(FlowEntryCodec.Version);
                to.Write(host.Network);
            });
            if (control.Frames.MemoryDescriptor is >= 0 and int memory)
            {
                channel.Send(TakeOverMessage.Memory, [], TablePatience, memory);
            }
            foreach ((string label, ListeningSocket listener) in host.Listeners)
            {
                channel.Send(TakeOverMessage.Listener, TablePatience, to => to.Write(label), (int)listener.Socket.Handle);
            }
            foreach (OfferedPort offer in offers)
            {
                channel.Send(TakeOverMessage.Port, TablePatience, offer.Write, [.. offer.Device?.Descriptors ?? []]);
            }
        }
        finally
        {
            offers.ForEach(offer => offer.Close());
        }
        channel.Send(TakeOverMessage.OfferEnd, [], TablePatience);
        return ports;
    }

    private FlowCountSnapshot SendTable(TakeOverChannel channel)
    {
        FlowCountSnapshot counts = control.Handover.BeginCounts();
        byte[] chunk = new byte[EntriesChunk];
        int used = 0;
        foreach (byte table in (ReadOnlySpan<byte>)[FlowFilter.FlowTable, FlowFilter.EmergencyTable])
        {
            uint cursor = 0;
            while (control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any, table), out FlowStatistics entry))
            {
                if (used + FlowEntryCodec.SizeOf(entry) > chunk.Length)
                {
                    SendEntries(channel, chunk, used);
                    used = 0;
                }
                used += FlowEntryCodec.Write(entry, chunk.AsSpan(used));
                if (table == FlowFilter.FlowTable)
                {
                    counts.Note(cursor, entry.PacketCount);
                }
            }
        }
        SendEntries(channel, chunk, used);
        control.Lock.Outside(() => channel.Send(TakeOverMessage.EntriesEnd, [], TablePatience));
        return counts;
    }

    private void SendEntries(TakeOverChannel channel, byte[] chunk, int used) =>
        control.Lock.Outside(() => channel.Send(TakeOverMessage.Entries, chunk.AsSpan(0, used), TablePatience));

    /// <summary>Workers rest from here to the end, or until it failed.</summary>
    /// <returns>What the taker took: the switch is its from now on.</returns>
    private TakenThings Hand(TakeOverChannel channel, FlowCountSnapshot counts)
    {
        (ushort Number, IDeviceHandover Device)[] devices = [.. control.Handover.Devices];
        ListeningSocket[] listeners = [.. host.Listeners.Select(one => one.Listener)];
        TakenThings? taken = null;
        Array.ForEach(listeners, listener => listener.Pause());
        try
        {
            host.RestWorkers();
            control.Handover.Drain();
            foreach ((ushort number, IDeviceHandover device) in devices)
            {
                byte[] record = device.Rest();
                channel.Send(TakeOverMessage.DeviceRest, RestPatience, to =>
                {
                    to.Write(number);
                    to.Write(record);
                });
            }
            channel.Send(TakeOverMessage.Rest, RestPatience, to =>
            {
                control.Handover.SaveRest(to);
                host.SaveRest(to);
            });
            channel.Send(TakeOverMessage.Counts, RestPatience, to => control.Handover.SaveCounts(to, counts));
            taken = TakenThings.Read(AwaitMine(channel));
            return taken;
        }
        finally
        {
            foreach ((ushort number, IDeviceHandover device) in devices)
            {
                if (taken == null)
                {
                    device.Resume();
                }
                else if (taken.Ports.Contains(number))
                {
                    device.Yield();
                }
            }
            if (taken == null)
            {
                host.ResumeWorkers();
                Array.ForEach(listeners, listener => listener.Resume());
            }
        }
    }

    /// <exception cref="IOException">The switch is not the taker's, and now never will be.</exception>
    private static byte[] AwaitMine(TakeOverChannel channel)
    {
        try
        {
            return channel.Expect(TakeOverMessage.Mine, RestPatience);
        }
        catch (SystemCallException silence)
        {
            channel.EndReceiving();
            try
            {
                return channel.Expect(TakeOverMessage.Mine, patience: 0);
            }
            catch (EndOfStreamException)
            {
                throw new IOException(silence.Message, silence);
            }
        }
    }
}

/// <summary>A switch that may be handed over, as <see cref="TakeOverGiver"/> needs it.</summary>
/// <remarks>Threads: the giver's.</remarks>
internal interface IHandedOver
{
    string Name { get; }

    /// <summary>Where tools reach it; null for nowhere.</summary>
    string? ControlPath { get; }

    /// <summary>The network namespace of its ports: <see cref="NetworkNamespace.NameOfCurrent"/>.</summary>
    string Network { get; }

    /// <summary>Where it listens, each by a name that a taker with the same options knows it by.</summary>
    IEnumerable<(string Label, ListeningSocket Listener)> Listeners { get; }

    /// <summary>All ports that are open. Not under the control lock.</summary>
    List<OfferedPort> OfferPorts();

    /// <summary>Ends the workers' threads between two passes; under the control lock.</summary>
    /// <exception cref="InvalidOperationException">One does not end; all run again.</exception>
    void RestWorkers();

    void ResumeWorkers();

    /// <summary>Writes what is not the datapath's.</summary>
    void SaveRest(BinaryWriter to);

    /// <summary>The switch is another process's: this one ends, with the control lock held by the calling thread for ever.</summary>
    /// <param name="taker">The other process.</param>
    void OnGiven(TakenThings taken, int taker);
}
