using Softswitch.Datapath.Control;
using Softswitch.Datapath.Queues;
using Softswitch.Hosting.Configuration;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Ports;

/// <summary>Gives an open port its rate and queues. Under the control lock.</summary>
internal static class QueueSetUp
{
    /// <param name="queues">Those of this port.</param>
    /// <exception cref="OptionException">The queues promise more than the port can send, or the datapath refuses one.</exception>
    public static void Apply(DatapathControl control, PortOption port, IReadOnlyList<QueueOption> queues, Action<string> say)
    {
        if (port.Spec.Rate != 0)
        {
            control.Queues.ConfigureRate(port.Number, port.Spec.Rate);
            say($"port {QueueOptionsReader.NameOf(port.Number)}: sends at {BitRate.Format(port.Spec.Rate)}bit/s at most");
        }
        if (queues.Count > 0)
        {
            AddAll(control, port.Number, queues, [], say);
        }
    }

    /// <summary>Changes the rate and the queues of a port; what stays as it is is left alone.</summary>
    /// <param name="oldQueues">Those of this port, as the others.</param>
    /// <exception cref="OptionException">As above; some of it is done then.</exception>
    public static void Change(
        DatapathControl control, PortOption old, IReadOnlyList<QueueOption> oldQueues, PortOption port, IReadOnlyList<QueueOption> queues)
    {
        if (port.Spec.Rate != old.Spec.Rate)
        {
            control.Queues.ConfigureRate(port.Number, port.Spec.Rate);
        }
        foreach (uint id in oldQueues.Select(queue => queue.Config.Id).Except(queues.Select(queue => queue.Config.Id)))
        {
            control.Queues.Remove(port.Number, id);
        }
        AddAll(control, port.Number, queues, oldQueues, static _ => { });
    }

    private static void AddAll(
        DatapathControl control, ushort number, IReadOnlyList<QueueOption> queues, IReadOnlyList<QueueOption> there, Action<string> say)
    {
        string port = QueueOptionsReader.NameOf(number);
        long rate = control.Queues.ReadRate(number);
        long promised = 0;
        foreach (QueueOption queue in queues)
        {
            QueueConfig config = queue.Config;
            promised += config.MinRate;
            if (rate != 0 && promised > rate)
            {
                throw new OptionException(
                    $"{queue.Origin}: '{queue.Text}': the queues of port {port} now promise {BitRate.Format(promised)}bit/s, the port has {BitRate.Format(rate)}bit/s");
            }
            if (!there.Any(queue => queue.Config == config) && control.Queues.Configure(number, config) != ControlError.None)
            {
                throw new OptionException($"{queue.Origin}: '{queue.Text}': the datapath refuses the queue");
            }
            string guarantee = config.MinRate == 0 ? "no guarantee" : $"{BitRate.Format(config.MinRate)}bit/s guaranteed";
            say($"port {port}: queue {config.Id}: {guarantee}{(config.MaxRate == 0 ? string.Empty : $", at most {BitRate.Format(config.MaxRate)}bit/s")}");
        }
        if (rate == 0)
        {
            say($"port {port}: its speed is unknown; guarantees hold as far as it refuses what it cannot send (rate= on the port tells)");
        }
    }
}
