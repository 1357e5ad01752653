namespace Softswitch.Lab.Machines;

/// <summary>Where a machine may be: a cable's end, and the QEMU that has it while the machine is there or is expected.</summary>
/// <param name="Node">In whose network QEMU runs.</param>
/// <param name="End">The TAP device's name, or the vhost-user socket as a chardev "cable".</param>
internal sealed record MachinePlace(LabNode Node, string End)
{
    /// <summary>Null where the far end is no switch of the lab.</summary>
    public LabSwitch? Switch { get; init; }

    public ushort Port { get; init; }

    /// <summary>Null while there is none.</summary>
    public Qemu? Qemu { get; set; }

    /// <summary>QEMU's arguments for its end of the cable.</summary>
    public string[] Backend(int queues)
    {
        string several = queues > 1 ? $",queues={queues}" : string.Empty;
        return Node is LabMachine
            ? ["-chardev", End, "-netdev", $"vhost-user,id=network,chardev=cable{several}"]
            : ["-netdev", $"tap,id=network,ifname={End},script=no,downscript=no,vnet_hdr=on{several}"];
    }

    public void Leave()
    {
        Qemu?.Dispose();
        Qemu = null;
    }
}
