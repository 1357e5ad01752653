using Softswitch.Datapath.Captures;

namespace Softswitch.Datapath.Control;

/// <summary>Captures: begun and ended; threads as for the rest of the class.</summary>
internal sealed unsafe partial class DatapathControl
{
    /// <summary>How many there may be at once: each costs the workers a copy.</summary>
    public const int MostCaptures = 8;

    /// <summary>Workers give it what it asks for, from their next passes on.</summary>
    /// <returns>False if there are too many already.</returns>
    public bool TryAddCapture(Capture capture)
    {
        Capture[] captures = _shared.Settings.Captures;
        if (captures.Length >= MostCaptures)
        {
            return false;
        }
        Publish(_shared.Settings with { Captures = [.. captures, capture] });
        return true;
    }

    /// <summary>Workers give it no more.</summary>
    /// <returns>Whether they are done with it, so that it may be disposed of; else one is stuck.</returns>
    public bool RemoveCapture(Capture capture)
    {
        Capture[] others = [.. _shared.Settings.Captures.Where(other => other != capture)];
        if (others.Length == _shared.Settings.Captures.Length)
        {
            return true; // the datapath ended first
        }
        Publish(_shared.Settings with { Captures = others });
        return _shared.Grace.Wait();
    }
}
