using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>What is set for all packets, made known to the workers as a whole: in force from their next passes on.</summary>
/// <remarks>Threads: under the control lock.</remarks>
internal sealed class PipelineControl(WorkerShared shared, Worker[] workers, FlowOffloads offloads)
{
    /// <summary>How many captures there may be at once: each costs the workers a copy.</summary>
    public const int MostCaptures = 8;

    public MissBehaviour MissBehaviour
    {
        get => shared.Settings.Miss;
        set => Publish(shared.Settings with { Miss = value });
    }

    /// <summary>What becomes of IPv4 fragments; of the switch, whichever connection sets it.</summary>
    public FragmentHandling FragmentHandling
    {
        get => shared.Settings.Fragments;
        set => Publish(shared.Settings with { Fragments = value });
    }

    /// <summary>What is forwarded past the flow table; null, as at first, without in-band control.</summary>
    public InBandTraffic? InBand
    {
        get => shared.Settings.InBand;
        set => Publish(shared.Settings with { InBand = value });
    }

    /// <summary>Workers give the capture what it asks for.</summary>
    /// <returns>False if there are too many already.</returns>
    public bool TryAddCapture(Capture capture)
    {
        Capture[] captures = shared.Settings.Captures;
        if (captures.Length >= MostCaptures)
        {
            return false;
        }
        Publish(shared.Settings with { Captures = [.. captures, capture] });
        return true;
    }

    /// <summary>Workers give the capture no more.</summary>
    /// <returns>Whether they are done with it, so that it may be disposed of; else one is stuck.</returns>
    public bool RemoveCapture(Capture capture)
    {
        Capture[] others = [.. shared.Settings.Captures.Where(other => other != capture)];
        if (others.Length == shared.Settings.Captures.Length)
        {
            return true; // the datapath ended first
        }
        Publish(shared.Settings with { Captures = others });
        return shared.Grace.Wait();
    }

    public void Publish(SwitchPort[] ports) => Publish(shared.Settings with { Ports = new PortSet(ports) });

    public void Publish(PipelineSettings settings)
    {
        shared.Settings = settings;
        offloads.SetPorts(settings.Ports.Ports);
        offloads.Suspend(settings.OffloadObstacle);
        foreach (Worker worker in workers)
        {
            worker.Wake();
        }
    }
}
