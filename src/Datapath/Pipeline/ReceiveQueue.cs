using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A port queue that a worker receives from, with where it counts.</summary>
/// <param name="Backlog">Of its packets that wait, with the worker's account of what comes in there.</param>
/// <param name="IsAsked">Whether nothing tells of packets that come while the worker sleeps.</param>
internal readonly record struct ReceiveQueue(SwitchPort SwitchPort, IPort Port, Backlog Backlog, bool IsAsked)
{
    /// <summary>The queues of a worker's ports.</summary>
    /// <param name="known">Those it had before: a queue that stays keeps its backlog.</param>
    /// <param name="wake">Ends the worker's sleep.</param>
    public static unsafe ReceiveQueue[] Of(PortSet ports, int worker, ReceiveQueue[] known, Action wake) =>
        [.. from port in ports.Ports
            from queue in port.QueuesOf(worker)
            let backlog = Array.Find(known, old => old.Port == queue && old.SwitchPort == port).Backlog
            select new ReceiveQueue(
                port, queue, backlog ?? new Backlog((nint)(&port.AccountOf(worker)->Ingress)), IsAsked: !queue.WakeBy(wake) && queue.PollDescriptor < 0)];
}
