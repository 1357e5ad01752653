using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.State;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Hosting.TakeOver;

/// <summary>The running switch's side of a hand-over, in the four steps of docs/take-over.md; <see cref="HandoverTarget"/> is the other side.</summary>
/// <remarks>
/// <para>
/// Nothing that the new process does or leaves undone holds this switch up for long. It is waited for without any lock in step 1; without the control lock, but
/// with the table's turn, in step 2; and with workers stopped for <see cref="StoppedTimeout"/> in step 3. If anything fails before step 4, this switch goes on.
/// </para>
/// <para>
/// In step 4 the kernel decides whether the message <see cref="HandoverMessage.Taken"/> was in time. When its time is over, this side first ends receiving, then
/// reads what is left. So either both processes see that the switch changed hands, or neither does.
/// </para>
/// <para>Threads: the one that serves the connection.</para>
/// </remarks>
internal sealed class HandoverSource(IHandedOver host, DatapathControl control, ILogger log)
{
    // Milliseconds: until the new process has opened what it can; until it has read or loaded the table; until it has taken the switch.
    private const int OpenTimeout = 30_000;
    private const int TableTimeout = 5000;
    private const int StoppedTimeout = 2000;

    private const int MostBytesFromTarget = 4096;
    private const int EntriesChunk = 256 * 1024;

    private int _isBusy;

    /// <summary>Hands the switch over to the process at the other end, if that may ask and all goes well. Does not throw.</summary>
    /// <param name="connected">A Unix socket; this one's from here on.</param>
    public void Run(Socket connected)
    {
        using DescriptorSocket socket = DescriptorSocket.Of((int)connected.Handle);
        using HandoverChannel channel = new(socket, MostBytesFromTarget);
        string target = string.Create(CultureInfo.InvariantCulture, $"pid {socket.Peer.Process}");
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            channel.Fail("another process is taking it over already");
            connected.Dispose();
            return;
        }
        try
        {
            if (socket.Peer.User != 0 && socket.Peer.User != Libc.geteuid())
            {
                throw new InvalidDataException("only its own user and root may take it over");
            }
            host.BeginHandOver();
            try
            {
                HandOver(channel, socket.Peer.Process, target);
            }
            finally
            {
                host.EndHandOver();
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException or InvalidOperationException or OptionException)
        {
            channel.Fail(e.Message);
            HostLog.Warn(log, $"take-over by {target} failed, the switch goes on: {e.Message}");
        }
        finally
        {
            Volatile.Write(ref _isBusy, 0);
            connected.Dispose();
        }
    }

    private void HandOver(HandoverChannel channel, int process, string target)
    {
        object ports = Offer(channel);
        JitWarmUp.ForSource(control.Handover.Devices.Select(one => one.Device.GetType()));
        channel.Expect(HandoverMessage.Opened, OpenTimeout);
        HandoverResult? taken = null;
        ControlScope scope = control.Enter();
        try
        {
            control.Flows.Timeouts.IsSuspended = true;
            TableSnapshot table = SendTable(channel);
            if (ports != control.Ports.Current)
            {
                throw new InvalidDataException("a port came or went meanwhile");
            }
            taken = StopAndSendState(channel, table);
        }
        finally
        {
            if (taken == null)
            {
                control.Flows.Timeouts.IsSuspended = false;
                scope.Dispose();
            }
        }
        // The lock is never released: commands that wait for it get no answer here, for the new process will answer them.
        HostLog.News(log, $"handed over to {target}");
        host.OnHandedOver(taken, process);
    }

    /// <summary>Step 1: what the new process may open. The switch forwards.</summary>
    /// <returns>The ports that were offered.</returns>
    private object Offer(HandoverChannel channel)
    {
        if (control.Handover.Obstacle is { } obstacle)
        {
            throw new NotSupportedException($"it cannot be taken over: {obstacle}");
        }
        object ports;
        using (control.EnterWithoutTable())
        {
            ports = control.Ports.Current;
        }
        List<OfferedPort> offers = host.OfferPorts();
        try
        {
            BinaryWriter to = channel.Payload;
            to.Write(control.DatapathId);
            to.Write(host.ControlPath ?? string.Empty);
            to.Write(host.Name);
            to.Write(control.Frames.FrameCount);
            to.Write(control.Frames.FrameSize);
            to.Write(host.Network);
            int memory = control.Frames.MemoryDescriptor;
            channel.Send(HandoverMessage.Switch, TableTimeout, memory >= 0 ? [memory] : []);
            foreach ((string label, ListeningSocket listener) in host.Listeners)
            {
                to.Write(label);
                channel.Send(HandoverMessage.Listener, TableTimeout, (int)listener.Socket.Handle);
            }
            foreach (OfferedPort offer in offers)
            {
                offer.Write(to);
                channel.Send(HandoverMessage.Port, TableTimeout, [.. offer.Device.Descriptors]);
            }
        }
        finally
        {
            offers.ForEach(offer => HandoverChannel.Close(offer.Device.Descriptors));
        }
        channel.Send(HandoverMessage.OfferEnd, TableTimeout);
        return ports;
    }

    /// <summary>Step 2: the flow table, which nothing changes from here on. The switch forwards.</summary>
    private TableSnapshot SendTable(HandoverChannel channel)
    {
        TableSnapshot table = new(control);
        byte[] chunk = new byte[FlowEntryCodec.MaxSize + EntriesChunk];
        int used;
        while ((used = table.Write(chunk)) > 0)
        {
            using (control.Lock.Leave())
            {
                channel.Payload.Write(chunk.AsSpan(0, used));
                channel.Send(HandoverMessage.Entries, TableTimeout);
            }
        }
        using (control.Lock.Leave())
        {
            channel.Send(HandoverMessage.EntriesEnd, TableTimeout);
            channel.Expect(HandoverMessage.Loaded, TableTimeout);
        }
        return table;
    }

    /// <summary>Steps 3 and 4: workers are stopped from here to the end, or until it failed.</summary>
    /// <returns>What the new process took: the switch is its own from now on.</returns>
    private HandoverResult StopAndSendState(HandoverChannel channel, TableSnapshot table)
    {
        (ushort Number, IDeviceHandover Device)[] devices = [.. control.Handover.Devices];
        ListeningSocket[] listeners = [.. host.Listeners.Select(one => one.Listener)];
        HandoverResult? taken = null;
        Array.ForEach(listeners, listener => listener.Pause());
        try
        {
            host.StopWorkers();
            control.Handover.Drain();
            SaveDevices(channel.Payload, devices);
            table.WriteCounts(channel.Payload);
            control.Handover.SaveState(channel.Payload);
            host.SaveState(channel.Payload);
            channel.Send(HandoverMessage.State, StoppedTimeout);
            taken = AwaitTaken(channel);
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

    private static void SaveDevices(BinaryWriter to, (ushort Number, IDeviceHandover Device)[] devices)
    {
        to.Write(devices.Length);
        foreach ((ushort number, IDeviceHandover device) in devices)
        {
            using DeviceRecord state = new();
            device.SaveState(state);
            byte[] bytes = state.ToArray();
            to.Write(number);
            to.Write(bytes.Length);
            to.Write(bytes);
        }
    }

    /// <exception cref="IOException">The switch is not the other process's, and now never will be.</exception>
    private static HandoverResult AwaitTaken(HandoverChannel channel)
    {
        try
        {
            return HandoverResult.Read(channel.Expect(HandoverMessage.Taken, StoppedTimeout));
        }
        catch (SystemCallException silence)
        {
            channel.EndReceiving();
            try
            {
                return HandoverResult.Read(channel.Expect(HandoverMessage.Taken, timeout: 0));
            }
            catch (EndOfStreamException)
            {
                throw new IOException(silence.Message, silence);
            }
        }
    }
}

/// <summary>A switch that may be handed over, as <see cref="HandoverSource"/> needs it.</summary>
/// <remarks>Threads: the source's.</remarks>
internal interface IHandedOver
{
    string Name { get; }

    /// <summary>Where tools reach it; null for nowhere.</summary>
    string? ControlPath { get; }

    /// <summary>The network namespace of its ports: <see cref="NetworkNamespace.NameOfCurrent"/>.</summary>
    string Network { get; }

    /// <summary>Where it listens, each by a name that a new process with the same options knows it by.</summary>
    IEnumerable<(string Label, ListeningSocket Listener)> Listeners { get; }

    /// <summary>Keeps the configuration as it is, and the process without another switch, until <see cref="EndHandOver"/>.</summary>
    /// <exception cref="OptionException">There is another switch.</exception>
    void BeginHandOver();

    void EndHandOver();

    /// <summary>All ports that are open. Not under the control lock.</summary>
    List<OfferedPort> OfferPorts();

    /// <summary>Ends the workers' threads between two passes; under the control lock.</summary>
    /// <exception cref="InvalidOperationException">One does not end; <see cref="ResumeWorkers"/> has all run again.</exception>
    void StopWorkers();

    void ResumeWorkers();

    /// <summary>Writes what is not the datapath's.</summary>
    void SaveState(BinaryWriter to);

    /// <summary>The switch is another process's: this one ends, with the control lock held by the calling thread for ever.</summary>
    /// <param name="process">The other.</param>
    void OnHandedOver(HandoverResult taken, int process);
}
