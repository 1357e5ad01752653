namespace Softswitch.Lab.Manual;

/// <summary>What the manual says besides commands and options, in man(7).</summary>
internal static class ManualText
{
    /// <summary>On the program's own page.</summary>
    public static IReadOnlyList<string> OfProgram { get; } =
    [
        """
        .SH TARGETS
        A tool finds a running switch by the name that \fBrun \-\-name\fR gave it, or else by its datapath id.
        While one switch runs, the name may be left out.
        \fBunix:\fIPATH\fR is the control socket itself.
        .SH EXIT STATUS
        0 if all went well, 2 if not; a line on standard error then says what is wrong.
        .SH ENVIRONMENT
        .TP
        \fBSOFTSWITCH_RUNDIR\fR
        The folder of control sockets, instead of
        .I /run/softswitch
        for root and
        .I $XDG_RUNTIME_DIR/softswitch
        for other users.
        .TP
        \fBNOTIFY_SOCKET\fR, \fBWATCHDOG_USEC\fR, \fBWATCHDOG_PID\fR
        How a service manager is told of the switch; see
        .BR sd_notify (3).
        .SH FILES
        .TP
        .I /etc/softswitch/NAME.yaml
        What the service
        .I softswitch@NAME
        runs by.
        .TP
        .I /run/softswitch/NAME.sock
        The control socket of a switch.
        .TP
        .I /var/lib/softswitch/NAME
        The state and the working folder of a service.
        """,
    ];

    /// <summary>On a command's.</summary>
    public static IReadOnlyList<string> Of(string command) => command switch
    {
        "run" =>
        [
            """
            .SH SIGNALS
            .TP
            .BR SIGTERM ", " SIGINT
            The switch ends, and interfaces are left as they were found.
            .TP
            .B SIGHUP
            The configuration file is read again, as by
            .BR "softswitch reload" .
            .SH NOTES
            Started by root, it keeps of root's capabilities CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE, CAP_IPC_LOCK, CAP_BPF and CAP_PERFMON.
            Another user needs CAP_NET_ADMIN and CAP_NET_RAW, for AF_XDP also CAP_BPF and a limit of locked memory above that of the frames, for flows in the kernel CAP_BPF and CAP_PERFMON.
            .SH EXAMPLES
            A learning bridge between two interfaces:
            .PP
            .RS
            .EX
            softswitch run \-\-port eth1 \-\-port eth2 \-\-fail\-mode standalone
            .EE
            .RE
            .PP
            A switch for a controller, by a file:
            .PP
            .RS
            .EX
            softswitch run \-\-config /etc/softswitch/softswitch.yaml
            .EE
            .RE
            """,
        ],
        _ => [],
    };
}
